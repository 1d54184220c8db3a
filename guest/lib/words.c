#include "guest/lib/words.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Finds the word whose key TEXT begins with. *RET_VALUE is what follows its "=". */
static enum guest_word find(char *text, char **ret_value)
{
    size_t length = strcspn(text, "=");

    if (text[length] == '\0')
        return GUEST_WORD_NONE;
    *ret_value = text + length + 1;
    for (enum guest_word word = GUEST_WORD_NONE + 1; word < GUEST_WORD_COUNT; word++)
        if (strncmp(text, guest_words[word].key, length) == 0 &&
            guest_words[word].key[length] == '\0')
            return word;
    return GUEST_WORD_NONE;
}

static bool parse_number(const char *text, int64_t *ret)
{
    char *end;

    errno = 0;
    long long number = strtoll(text, &end, 10);

    *ret = number;
    return end != text && *end == '\0' && errno == 0 && text[strspn(text, "-0123456789")] == '\0';
}

/* Reads VALUE as the word of ROW. *RET_SIZE is what the row limits. Returns whether it is one of
 * its kind. */
static bool read_value(const struct guest_word_row *row, const char *value, struct word *ret,
                       int64_t *ret_size)
{
    switch (row->kind) {
    case GUEST_FLAG:
    case GUEST_NUMBER:
        if (!parse_number(value, &ret->number))
            return false;
        *ret_size = ret->number;
        return true;
    case GUEST_TEXT:
        ret->text = value;
        *ret_size = (int64_t)strlen(value);
        return true;
    case GUEST_LIST:
        *ret_size = (int64_t)++ret->count; /* its items are collected once all are counted */
        return true;
    }
    return false;
}

/* Points the list WORD to its items, which are put to ITEMS. Returns the place after them. */
static char **collect(enum guest_word word, char *const *texts, size_t count, char **items,
                      struct word *ret)
{
    ret->items = items;
    for (size_t i = 0; i < count; i++) {
        char *value;

        if (find(texts[i], &value) == word)
            *items++ = value;
    }
    return items;
}

static int check_required(const struct guest_verb_row *verb, guest_word_set given,
                          struct fault *fault)
{
    for (enum guest_word word = GUEST_WORD_NONE + 1; word < GUEST_WORD_COUNT; word++)
        if ((verb->required & ~given & GUEST_WORD_BIT(word)) != 0)
            return fault_set(fault, EINVAL, "%s: the word '%s' is missing", verb->name,
                             guest_words[word].key);
    return 0;
}

int words_parse(enum guest_verb verb, char *const *texts, size_t count, struct words *ret,
                struct fault *fault)
{
    const struct guest_verb_row *row = &guest_verbs[verb];
    guest_word_set given = 0;
    char **items = ret->items;

    *ret = (struct words){0};
    for (size_t i = 0; i < count; i++) {
        char *value = NULL;
        enum guest_word word = find(texts[i], &value);
        const struct guest_word_row *limits = &guest_words[word];
        int64_t size = 0;

        if (word == GUEST_WORD_NONE || (row->taken & GUEST_WORD_BIT(word)) == 0)
            return fault_set(fault, EINVAL, "%s: unknown word '%s'", row->name, texts[i]);
        if ((given & GUEST_WORD_BIT(word)) != 0 && limits->kind != GUEST_LIST)
            return fault_set(fault, EINVAL, "%s: repeated word '%s'", row->name, texts[i]);
        if (!read_value(limits, value, &ret->of[word], &size) || size < limits->least ||
            size > limits->most)
            return fault_set(fault, EINVAL, "%s: bad word '%s'", row->name, texts[i]);
        given |= GUEST_WORD_BIT(word);
    }
    for (enum guest_word word = GUEST_WORD_NONE + 1; word < GUEST_WORD_COUNT; word++)
        if (guest_words[word].kind == GUEST_LIST)
            items = collect(word, texts, count, items, &ret->of[word]);
    return check_required(row, given, fault);
}

bool words_flag(const struct words *words, enum guest_word word)
{
    assert(guest_words[word].kind == GUEST_FLAG);
    return words->of[word].number != 0;
}

int64_t words_number(const struct words *words, enum guest_word word)
{
    assert(guest_words[word].kind == GUEST_NUMBER);
    return words->of[word].number;
}

const char *words_text(const struct words *words, enum guest_word word)
{
    assert(guest_words[word].kind == GUEST_TEXT);
    return words->of[word].text;
}

char *const *words_list(const struct words *words, enum guest_word word, size_t *ret_count)
{
    assert(guest_words[word].kind == GUEST_LIST);
    *ret_count = words->of[word].count;
    return words->of[word].items;
}
