/*
 * The files of registries.conf(5), read and checked, all together.
 *
 * The first of $CONTAINERS_REGISTRIES_CONF, ~/.config/containers/registries.conf and
 * /etc/containers/registries.conf is read, then the files *.conf of
 * /etc/containers/registries.conf.d (unless the user's own file was the first) and of
 * ~/.config/containers/registries.conf.d, each directory sorted. A later file replaces the
 * registries with the same prefix, the list of search registries, and aliases.
 */
#ifndef VMBUILD_REGISTRIES_FILE_H
#define VMBUILD_REGISTRIES_FILE_H

#include <stdbool.h>

#include "host/lib/error.h"
#include "host/lib/json.h"

#define REGISTRIES_FILES_MAX 256 /* of one directory */

struct registries_file {
    struct json *registries; /* object: the [[registry]] of each prefix */
    struct json *aliases;    /* object: name to value, strings */
    struct json *search;     /* array of hosts: unqualified-search-registries */
    struct json *origins;    /* object: the path of the file that each prefix is from */
};

/* Reads the files. *RET is always valid and freed by registries_file_free. Errors: EXIT_INPUT if a
 * file is malformed, naming the line, or $CONTAINERS_REGISTRIES_CONF names a missing one. */
[[nodiscard]] struct error *registries_file_read(struct registries_file *ret);

void registries_file_free(struct registries_file *files);

/* Returns whether TABLE, a [[registry]] or mirror, has the flag KEY set. */
bool registries_file_flag(const struct json *table, const char *key);

/* Returns TEXT, a location or prefix, without a scheme, which people write in vain, and without
 * slashes at its end; the caller's. */
char *registries_file_location(const char *text);

#endif
