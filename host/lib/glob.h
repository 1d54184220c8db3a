/*
 * Patterns for text, as a list of steps that their languages are translated to: those of a shell,
 * of .dockerignore and of COPY. Matching takes time proportional to pattern times text, whatever
 * they are, and knows no white space or separators of its own.
 *
 * A zeroed struct glob is a pattern that matches the empty text; glob_free releases it.
 */
#ifndef VMBUILD_GLOB_H
#define VMBUILD_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLOB_NONE SIZE_MAX /* no place in a text */

struct glob_range {
    uint32_t first, last;
};

struct glob_step {
    bool is_many; /* any number of the characters, else one */
    struct glob_range *ranges;
    size_t range_count;
    bool is_inverted; /* all characters but those of the ranges */
    size_t skips;     /* so many steps behind this one may be left out; itself it is nothing */
};

struct glob {
    struct glob_step *steps;
    size_t count, capacity;
};

/* Adds a step for CHARACTER. */
void glob_add_character(struct glob *glob, uint32_t character);

/* Adds a step for any character but EXCEPT (0: for any), or, if IS_MANY, any number of them. */
void glob_add_any(struct glob *glob, bool is_many, uint32_t except);

/* Adds a step for one of the characters that glob_extend adds to it, or for one of all others. */
void glob_add_set(struct glob *glob, bool is_inverted);
void glob_extend(struct glob *glob, uint32_t first, uint32_t last);

/* Lets the COUNT steps that are added next be left out together. */
void glob_add_optional(struct glob *glob, size_t count);

/* Puts the steps, none of which may be left out, in the opposite order. */
void glob_reverse(struct glob *glob);

struct glob_text {
    uint32_t *characters;
    size_t *offsets; /* of each in bytes; one more, for the end */
    size_t count;
};

/* Returns the characters of TEXT, any bytes; glob_text_free frees them. */
struct glob_text glob_text_make(const char *text);
void glob_text_free(struct glob_text *text);

/* Puts the characters in the opposite order; their offsets stay. */
void glob_text_reverse(struct glob_text *text);

/* Returns the end of the longest, or else the shortest, piece of TEXT that begins at START and
 * matches: an index of its characters. GLOB_NONE if there is none. */
size_t glob_match(const struct glob *glob, const struct glob_text *text, size_t start,
                  bool is_longest);

/* Returns, for each index of TEXT's characters, its end included, whether the match of a pattern
 * ends there that begins anywhere before; the caller's. */
bool *glob_ends(const struct glob *glob, const struct glob_text *text);

/* Whether TEXT matches, or, unless BOUNDARY is 0, a start of it that a BOUNDARY follows. */
bool glob_matches(const struct glob *glob, const struct glob_text *text, uint32_t boundary);

void glob_free(struct glob *glob);

#endif
