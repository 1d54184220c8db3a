/*
 * Words for calls to the guest (GUEST_WORDS of guest/contract.h), whichever call takes them. A
 * zeroed structure has none. What does not fit the contract's tables is a mistake in this program,
 * and asserted.
 */
#ifndef VMBUILD_CALL_WORDS_H
#define VMBUILD_CALL_WORDS_H

#include <stdint.h>

#include "guest/contract.h"
#include "host/lib/buffer.h"

struct call_words {
    struct strings of[GUEST_WORD_COUNT]; /* values; of one that is not a list at most one */
};

/* Set WORD, which is of that kind and has no value yet. */
void call_words_set_number(struct call_words *words, enum guest_word word, int64_t value);
void call_words_set_text(struct call_words *words, enum guest_word word, const char *value);

/* Adds VALUE, which it takes over, to the list WORD. */
void call_words_take_item(struct call_words *words, enum guest_word word, char *value);

/* Sets WORD, which is of KIND and has no value yet, to VALUES, which it takes over: of a list all,
 * of another kind at most one. */
void call_words_take(struct call_words *words, enum guest_word word, enum guest_kind kind,
                     struct strings *values);

/* Returns the value of the number WORD, which is set. */
int64_t call_words_number(const struct call_words *words, enum guest_word word);

/* Makes RET, which is empty, the call of VERB: with OWN, all of which it takes, and those of COMMON
 * that it takes. The caller frees it. */
void call_words_write(enum guest_verb verb, const struct call_words *own,
                      const struct call_words *common, struct strings *ret);

void call_words_free(struct call_words *words);

#endif
