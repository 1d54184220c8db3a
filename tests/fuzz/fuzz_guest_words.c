/* The words of a call, a line each, the first of which is the verb: all that is accepted is within
 * the contract's limits. */
#include "guest/lib/words.h"
#include "tests/fuzz/fuzz.h"

/* Cuts TEXT into lines. Returns how many, at least one. */
static size_t split(char *text, char *lines[WORDS_MAX])
{
    size_t count = 0;
    char *next = text;

    do
        lines[count++] = strsep(&next, "\n");
    while (next != NULL && count < WORDS_MAX);
    return count;
}

static void check(enum guest_word word, const struct words *words)
{
    const struct guest_word_row *row = &guest_words[word];
    int64_t size = 0;
    size_t count = 0;

    switch (row->kind) {
    case GUEST_FLAG:
        fuzz_expect(words_flag(words, word) == (words->of[word].number == 1));
        return;
    case GUEST_NUMBER:
        size = words_number(words, word);
        break;
    case GUEST_TEXT:
        if (words_text(words, word) == NULL)
            return;
        size = (int64_t)strlen(words_text(words, word));
        break;
    case GUEST_LIST:
        for (char *const *items = words_list(words, word, &count); (size_t)size < count; size++)
            fuzz_expect(items[size] != NULL);
        break;
    }
    /* A word that was not given is 0. */
    fuzz_expect(size == 0 || (size >= row->least && size <= row->most));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct words words;
    static struct fault fault;
    char *lines[WORDS_MAX], *text = fuzz_text((struct fuzz_bytes){data, size});
    size_t count = split(text, lines);

    for (enum guest_verb verb = 0; verb < GUEST_VERB_COUNT; verb++)
        if (strcmp(lines[0], guest_verbs[verb].name) == 0 &&
            words_parse(verb, lines + 1, count - 1, &words, &fault) == 0)
            for (enum guest_word word = GUEST_WORD_NONE + 1; word < GUEST_WORD_COUNT; word++)
                check(word, &words);
    free(text);
    return 0;
}
