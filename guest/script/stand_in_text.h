/*
 * What a file is to the image if a script changed a stand-in, or made it from one: the lines that
 * stood in for the image's own give way to these.
 */
#ifndef VMBUILD_GUEST_STAND_IN_TEXT_H
#define VMBUILD_GUEST_STAND_IN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes; NULL if there is no such file. */
struct text {
    char *bytes;
    size_t length;
};

/* A stand-in: lines of the build's own (OWN), which are shown before those of the IMAGE, or, if
 * they REPLACE them, in their place. In a file, the first of the latter marks that it was made from
 * the stand-in; any other is recognised wherever it is. */
struct stand_in_text {
    struct text own, image;
    bool replaces;
};

/* Makes *RET, whose bytes are to be freed, what a script sees. Returns 0, or -1 if memory is
 * short. */
int stand_in_text_show(const struct stand_in_text *stand_in, struct text *ret);

/* Returns whether FILE has lines of STAND_IN. *RET is then the file without them: what the image
 * has comes in the place of those that replace it. Its bytes are to be freed, and NULL if memory is
 * short. */
bool stand_in_text_restore(const struct stand_in_text *stand_in, struct text file,
                           struct text *ret);

#endif
