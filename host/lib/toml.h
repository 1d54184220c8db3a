/*
 * TOML 1.0 (https://toml.io/en/v1.0.0), as far as configuration files of others need it: read into
 * the same trees as JSON (json.h). Numbers, dates and times keep their text, as JSON's numbers do.
 * Strict: what the specification forbids is an error. Debian has no TOML library for C.
 */
#ifndef VMBUILD_TOML_H
#define VMBUILD_TOML_H

#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/json.h"

#define TOML_SIZE_MAX (1u << 20) /* bytes of a document */
#define TOML_DEPTH_MAX 32        /* of arrays and tables */

/* Parses LENGTH bytes. NAME is what errors call the document. *RET is an object, the caller's; its
 * values have the lines that they stood on. Errors: EXIT_INPUT, as "read NAME: line L: CAUSE". */
[[nodiscard]] struct error *toml_parse(const char *name, const char *bytes, size_t length,
                                       struct json **ret);

#endif
