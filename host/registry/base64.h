/*
 * Base64 (RFC 4648, section 4), as HTTP's Basic scheme and credential files use it.
 */
#ifndef VMBUILD_BASE64_H
#define VMBUILD_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/buffer.h"

/* Appends LENGTH bytes, encoded with padding. */
void base64_encode(const void *bytes, size_t length, struct buffer *out);

/* Appends what TEXT encodes, padded or not. Returns false where it is not Base64; OUT may then have
 * grown. */
bool base64_decode(const char *text, struct buffer *out);

#endif
