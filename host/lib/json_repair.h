/*
 * What a JSON document needs so that it reads as Go's encoding/json reads it, which wrote most of
 * the documents of images: text that is not Unicode becomes U+FFFD, and of a member that an object
 * has several times the last counts. json_text.h uses it for documents of others.
 */
#ifndef VMBUILD_JSON_REPAIR_H
#define VMBUILD_JSON_REPAIR_H

#include <stddef.h>

#include "host/lib/buffer.h"
#include "host/lib/json.h"

/* Appends the LENGTH bytes of the document at TEXT to OUT. Each byte that does not belong to valid
 * UTF-8, and each escape that is half of a surrogate pair (RFC 8259, section 8.2), is replaced by
 * U+FFFD. */
void json_repair_text(const char *text, size_t length, struct buffer *out);

/* Leaves each key of OBJECT once, with the value that came last; objects of the same key are
 * merged. */
void json_repair_members(struct json *object);

#endif
