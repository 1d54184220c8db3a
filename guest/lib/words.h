/*
 * The words of a call, parsed by the contract's tables (GUEST_WORDS, GUEST_VERBS) before its verb
 * acts: a word that is read here is known, of its kind and within its limits. What a call does not
 * give reads as false, 0, NULL or an empty list.
 */
#ifndef VMBUILD_GUEST_WORDS_H
#define VMBUILD_GUEST_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/contract.h"
#include "guest/lib/fault.h"

#define WORDS_MAX 512 /* of one call, its verb included */

/* The values of one word. Only the member of its kind is set. */
struct word {
    int64_t number; /* a flag is 1 or 0 */
    const char *text;
    char *const *items;
    size_t count;
};

struct words {
    struct word of[GUEST_WORD_COUNT];
    char *items[WORDS_MAX]; /* of all lists */
};

/* Parses TEXTS, COUNT of them (at most WORDS_MAX), as words of VERB. RET points into TEXTS and
 * itself. Returns 0, or -1 with FAULT if one is unknown to VERB, malformed, outside its limits,
 * given twice or missing. */
int words_parse(enum guest_verb verb, char *const *texts, size_t count, struct words *ret,
                struct fault *fault);

/* The value of WORD, which is of that kind. */
bool words_flag(const struct words *words, enum guest_word word);
int64_t words_number(const struct words *words, enum guest_word word);
const char *words_text(const struct words *words, enum guest_word word);

/* The items of the list WORD, which may be changed. *RET_COUNT is their number. */
char *const *words_list(const struct words *words, enum guest_word word, size_t *ret_count);

#endif
