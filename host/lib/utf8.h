/*
 * UTF-8 as RFC 3629 has it: no surrogates, nothing beyond U+10FFFF, no longer forms of shorter
 * ones. For text of others that is to be shown or stored.
 */
#ifndef VMBUILD_UTF8_H
#define VMBUILD_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Returns the bytes of the character at TEXT, of which LEFT (at least 1) are there; 0 where it is
 * none. */
size_t utf8_length(const unsigned char *text, size_t left);

/* Whether the LENGTH bytes at TEXT are characters and nothing else. */
bool utf8_is_valid(const char *text, size_t length);

#endif
