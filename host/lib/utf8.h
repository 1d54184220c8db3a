/*
 * UTF-8 as RFC 3629 defines it: no surrogates, nothing beyond U+10FFFF, no overlong forms. For
 * foreign text that is to be shown or stored.
 */
#ifndef VMBUILD_UTF8_H
#define VMBUILD_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Returns the number of bytes of the character at TEXT, of which LEFT bytes (at least 1) are there;
 * 0 if it is not valid. */
size_t utf8_length(const unsigned char *text, size_t left);

/* Whether the LENGTH bytes at TEXT are all valid characters. */
bool utf8_is_valid(const char *text, size_t length);

#endif
