/*
 * The characters of a text that is valid UTF-8, and what each counts as in a Dockerfile, where
 * white space and letters are not only ASCII's.
 */
#ifndef VMBUILD_CHARACTER_H
#define VMBUILD_CHARACTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the code of the character at TEXT, which is ended by a NUL and valid; 0 at its end.
 * *RET_LENGTH is its bytes: 0 at the end. */
uint32_t character_at(const char *text, size_t *ret_length);

/* Whether it is white space, line ends included. */
bool character_is_space(uint32_t character);

/* Whether it may be part of a variable's name: letters, digits and the underscore. Of those beyond
 * ASCII, all that are in the blocks of scripts. */
bool character_is_of_name(uint32_t character);

/* Returns the first character of TEXT that is not white space. */
const char *character_skip_space(const char *text);

/* Returns TEXT without white space at its ends; the caller's. */
char *character_trim(const char *text);

#endif
