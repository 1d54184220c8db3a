/*
 * The kinds whose values name files of the host. A relative path is made absolute, and what it
 * names must exist. See spec_kind.h.
 */
#ifndef VMBUILD_SPEC_PATH_H
#define VMBUILD_SPEC_PATH_H

#include <stdbool.h>

#include "host/spec/spec_kind.h"

extern const struct spec_kind spec_path_closure; /* struct strings: paths, or a file of them */
extern const struct spec_kind spec_path_script;  /* char *: its text, or a file of it */
extern const struct spec_kind spec_path_shares;  /* struct spec_shares */

/* Sets *RET, which the caller frees, to the absolute path that VALUE of KEY names. Errors:
 * EXIT_INPUT, from spec_error, if VALUE is not a path or nothing is there. */
[[nodiscard]] struct error *spec_path_read(const struct spec_key *key,
                                           const struct spec_source *source,
                                           const struct json *value, char **ret);

/* Sets *RET, which the caller frees, to the normal form of VALUE, a string of KEY that names an
 * absolute path in the image: "/a/b", or "/". Errors: EXIT_INPUT, from spec_error, if it is not
 * absolute or leads through "..". */
[[nodiscard]] struct error *spec_path_read_target(const struct spec_key *key,
                                                  const struct json *value, char **ret);

/* The same for a place in the guest where something is mounted: it must not be the root directory,
 * nor in /dev, /proc or /sys. *RET is NULL before, and is set after some errors, too. */
[[nodiscard]] struct error *spec_path_read_mount(const struct spec_key *key,
                                                 const struct json *value, char **ret);

/* Whether PATH is DIR or below it; both are normal forms. */
bool spec_path_is_below(const char *path, const char *dir);

/* Returns PATH, which a spec in SOURCE's directory names, made absolute; the caller's. */
char *spec_path_absolute(const struct spec_source *source, const char *path);

#endif
