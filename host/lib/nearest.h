/*
 * The known word that is nearest to an unknown one: for "did you mean" in errors.
 */
#ifndef VMBUILD_NEAREST_H
#define VMBUILD_NEAREST_H

#include <stddef.h>

/* Returns the one of the COUNT words that WORD_AT returns (index from 0; NULL entries are skipped)
 * with the smallest edit distance to WORD; the first of several. NULL if none is near enough to
 * have been meant (a third of its letters). */
const char *nearest_word(const char *word, const char *(*word_at)(size_t index), size_t count);

#endif
