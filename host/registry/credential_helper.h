/*
 * Docker's credential helpers: a program docker-credential-NAME on the user's PATH that, called
 * with "get", reads a server's name from standard input and prints what it keeps for it as JSON.
 * Which program that is stands in the user's own configuration.
 */
#ifndef VMBUILD_CREDENTIAL_HELPER_H
#define VMBUILD_CREDENTIAL_HELPER_H

#include "host/lib/error.h"
#include "host/registry/credential.h"

#define CREDENTIAL_HELPER_OUTPUT_MAX (256u << 10)

/* Asks the helper NAME about SERVER. *RET stays empty where the helper has nothing for it. Errors:
 * EXIT_NETWORK where the helper is missing or fails, with its own words. */
[[nodiscard]] struct error *credential_helper_get(const char *name, const char *server,
                                                  struct credential *ret);

#endif
