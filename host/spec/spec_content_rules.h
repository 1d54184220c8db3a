/*
 * The rules of an element of `contents` for what it copies: the members `owner` and `mode`.
 */
#ifndef VMBUILD_SPEC_CONTENT_RULES_H
#define VMBUILD_SPEC_CONTENT_RULES_H

#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"
#include "host/spec/spec_kind.h"

/* What their texts have to match. */
#define SPEC_CONTENT_OWNER_PATTERN "^[^:]+(:[^:]+)?$"
#define SPEC_CONTENT_MODE_PATTERN                                                                  \
    "^(\\+w|keep|0?[0-7]{1,4}|[ugoa]*([-+=]([rwxXst]*|[ugo]))+"                                    \
    "(,[ugoa]*([-+=]([rwxXst]*|[ugo]))+)*)$"

/* Reads VALUE of KEY, the element's owner, into CONTENT. Errors: EXIT_INPUT, from spec_error. */
[[nodiscard]] struct error *spec_content_read_owner(const struct spec_key *key,
                                                    const struct json *value,
                                                    struct spec_content *content);

/* The same for its mode. */
[[nodiscard]] struct error *spec_content_read_mode(const struct spec_key *key,
                                                   const struct json *value,
                                                   struct spec_content *content);

/* Returns the owner as the spec has it, but complete; the caller's. */
struct json *spec_content_describe_owner(const struct spec_content *content);

/* The same for the mode. */
struct json *spec_content_describe_mode(const struct spec_content *content);

#endif
