/*
 * The known word that is nearest to one that is not known: for "did you mean" in errors.
 */
#ifndef VMBUILD_NEAREST_H
#define VMBUILD_NEAREST_H

#include <stddef.h>

/* Of the COUNT words that WORD_AT gives (index from 0; NULL entries are passed over), the one with
 * the smallest edit distance to WORD; the first of several. Returns NULL where none is near enough
 * to have been meant (a third of its letters). */
const char *nearest_word(const char *word, const char *(*word_at)(size_t index), size_t count);

#endif
