#include "host/vm/call_words.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"

/* Returns where the only value of WORD goes. */
static struct strings *only(struct call_words *words, enum guest_word word, enum guest_kind kind)
{
    assert(word != GUEST_WORD_NONE && guest_words[word].kind == kind);
    assert(words->of[word].count == 0);
    return &words->of[word];
}

void call_words_set_number(struct call_words *words, enum guest_word word, int64_t value)
{
    strings_take(only(words, word, GUEST_NUMBER), xasprintf("%" PRId64, value));
}

void call_words_set_flag(struct call_words *words, enum guest_word word)
{
    strings_add(only(words, word, GUEST_FLAG), "1");
}

void call_words_set_text(struct call_words *words, enum guest_word word, const char *value)
{
    strings_add(only(words, word, GUEST_TEXT), value);
}

void call_words_take_item(struct call_words *words, enum guest_word word, char *value)
{
    assert(guest_words[word].kind == GUEST_LIST);
    strings_take(&words->of[word], value);
}

void call_words_take(struct call_words *words, enum guest_word word, enum guest_kind kind,
                     struct strings *values)
{
    assert(kind == GUEST_LIST || values->count <= 1);
    *only(words, word, kind) = *values;
    *values = (struct strings){0};
}

int64_t call_words_number(const struct call_words *words, enum guest_word word)
{
    assert(guest_words[word].kind == GUEST_NUMBER && words->of[word].count == 1);
    return strtoll(words->of[word].items[0], NULL, 10);
}

static void add(struct strings *call, enum guest_word word, const struct strings *values)
{
    for (size_t i = 0; i < values->count; i++)
        strings_take(call, xasprintf("%s=%s", guest_words[word].key, values->items[i]));
}

void call_words_write(enum guest_verb verb, const struct call_words *own,
                      const struct call_words *common, struct strings *ret)
{
    const struct guest_verb_row *row = &guest_verbs[verb];

    strings_add(ret, row->name);
    for (enum guest_word word = GUEST_WORD_NONE + 1; word < GUEST_WORD_COUNT; word++) {
        bool takes = (row->taken & GUEST_WORD_BIT(word)) != 0;
        bool requires = (row->required & GUEST_WORD_BIT(word)) != 0;
        const struct strings *values = own->of[word].count > 0 ? &own->of[word] : &common->of[word];

        assert(takes || own->of[word].count == 0);
        assert(!requires || values->count > 0);
        if (takes)
            add(ret, word, values);
    }
}

void call_words_free(struct call_words *words)
{
    for (size_t i = 0; i < GUEST_WORD_COUNT; i++)
        strings_free(&words->of[i]);
}
