/*
 * Values for the words of calls to the guest (GUEST_WORDS in guest/contract.h), and the calls made
 * of them. Values can be set without knowing which verbs take them: a call is written from two
 * sets, one for this call and one common to all, from which each verb takes what it may have.
 *
 * A value that does not fit the contract's tables is a mistake in this program, and asserted.
 */
#ifndef VMBUILD_CALL_WORDS_H
#define VMBUILD_CALL_WORDS_H

#include <stdint.h>

#include "guest/contract.h"
#include "host/lib/buffer.h"

/* A zeroed structure has no values. */
struct call_words {
    struct strings of[GUEST_WORD_COUNT]; /* for each word its values: at most one unless a list */
};

/* Sets WORD, which is of that kind and has no value yet. */
void call_words_set_number(struct call_words *words, enum guest_word word, int64_t value);
void call_words_set_flag(struct call_words *words, enum guest_word word);
void call_words_set_text(struct call_words *words, enum guest_word word, const char *value);

/* Adds VALUE, which is taken over, to the list WORD. */
void call_words_take_item(struct call_words *words, enum guest_word word, char *value);

/* Sets WORD, which is of KIND and has no value yet, to VALUES, which are taken over; there is at
 * most one unless WORD is a list. */
void call_words_take(struct call_words *words, enum guest_word word, enum guest_kind kind,
                     struct strings *values);

/* Returns the value of the number WORD, which is set. */
int64_t call_words_number(const struct call_words *words, enum guest_word word);

/* Writes the call of VERB to *RET, which is empty and which the caller frees: VERB, all words of
 * OWN, and those words of COMMON that VERB takes and OWN does not have. */
void call_words_write(enum guest_verb verb, const struct call_words *own,
                      const struct call_words *common, struct strings *ret);

void call_words_free(struct call_words *words);

#endif
