/*
 * The known word that is nearest to an unknown one: for "did you mean" in errors.
 */
#ifndef VMBUILD_NEAREST_H
#define VMBUILD_NEAREST_H

#include <stddef.h>

/* Returns the one of COUNT words with the smallest edit distance to WORD; the first of several.
 * NULL if none is near enough to have been meant (a third of its letters). WORDS is the first, and
 * each is STRIDE bytes behind the one before, so that they may be a member of the rows of a table.
 */
const char *nearest_word(const char *word, const char *const *words, size_t stride, size_t count);

#endif
