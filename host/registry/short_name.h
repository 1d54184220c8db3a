/*
 * Names of images without a registry, such as "debian:12": aliases of registries.conf(5)
 * (registries_file.h) tell which image is meant, or the registries that are searched. Only what is
 * unambiguous is resolved.
 */
#ifndef VMBUILD_SHORT_NAME_H
#define VMBUILD_SHORT_NAME_H

#include "host/image/reference.h"
#include "host/lib/error.h"

/* Resolves REFERENCE, if its name was written without a host and there is an alias for it;
 * otherwise it stays. Errors: EXIT_INPUT if a file or the alias is malformed. */
[[nodiscard]] struct error *short_name_alias(struct reference *reference);

/* Resolves TEXT, [HOST/]NAME[:TAG|@DIGEST] without a transport, as podman(1) does: without a host,
 * by its alias, or with the one registry of unqualified-search-registries. *RET is freed by
 * reference_free. Errors: EXIT_USAGE if it is not a name, or ambiguous: there is more than one such
 * registry, or none; EXIT_INPUT if a file or the alias is malformed. */
[[nodiscard]] struct error *short_name_resolve(const char *text, struct reference *ret);

#endif
