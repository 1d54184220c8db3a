/* Base64 (RFC 4648, section 4), for HTTP's Basic scheme and credential files. */
#ifndef VMBUILD_BASE64_H
#define VMBUILD_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/buffer.h"

/* Appends LENGTH bytes to OUT, encoded with padding. */
void base64_encode(const void *bytes, size_t length, struct buffer *out);

/* Appends the bytes that TEXT encodes, padded or not, to OUT. Line ends in it do not count, as
 * encoders put them there. Returns false if it is not Base64;
 * OUT may have grown. */
bool base64_decode(const char *text, struct buffer *out);

#endif
