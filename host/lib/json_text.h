/*
 * JSON values (json.h) as text: read and written with yajl. The one module that knows yajl. Size,
 * depth and the number of values are limited before anything is allocated for them.
 */
#ifndef VMBUILD_JSON_TEXT_H
#define VMBUILD_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/json.h"

#define JSON_SIZE_MAX (16u << 20) /* bytes of a document */
#define JSON_DEPTH_MAX 64

/* Parses LENGTH bytes. NAME is what errors call the document. Errors: EXIT_INPUT, as
 * "read NAME: line L, column C: CAUSE" with yajl's words and, for usual mistakes, advice
 * (json_mistake.h); a repeated key is one. *RET is the caller's. */
[[nodiscard]] struct error *json_parse(const char *name, const char *bytes, size_t length,
                                       struct json **ret);

/* The same for a document that another program wrote, which is read as Go's encoding/json reads it
 * (json_repair.h). A NUL character is an error all the same. */
[[nodiscard]] struct error *json_parse_lenient(const char *name, const char *bytes, size_t length,
                                               struct json **ret);

/* Appends VALUE as compact JSON, members in their order. PRETTY: indented, with a final newline. */
void json_write(const struct json *value, bool pretty, struct buffer *out);

#endif
