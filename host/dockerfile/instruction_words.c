#include "host/dockerfile/instruction_words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/character.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define BLANKS "\t\v\f\r "

/* A word while it is read. */
struct word {
    struct buffer text;
    char quote;      /* in which the reader is, or NUL */
    bool had_quotes; /* so that it counts although it is empty */
};

static void word_free(struct word *word)
{
    buffer_free(&word->text);
}

static void end_word(struct word *word, struct strings *ret)
{
    if (word->had_quotes || word->text.length > 0)
        strings_take(ret, buffer_steal(&word->text));
    word->had_quotes = false;
}

/* Reads the character at TEXT, which is not white space outside of quotes, and what it escapes.
 * Returns how many bytes it took. */
static size_t read_quoted(const char *text, char escape, struct word *word)
{
    size_t length = 0, next = 0;

    character_at(text, &length);
    if (word->quote == '\0' && (*text == '\'' || *text == '"')) {
        word->quote = *text;
        word->had_quotes = true;
    } else if (word->quote != '\0' && *text == word->quote) {
        word->quote = '\0';
    } else if (*text == escape && word->quote != '\'') {
        if (text[1] == '\0')
            return 1; /* at the end of the text it counts as nothing */
        character_at(text + 1, &next);
    }
    buffer_append(&word->text, text, length + next);
    return length + next;
}

void instruction_words_quoted(const char *text, char escape, struct strings *ret)
{
    CLEANUP(word_free) struct word word = {0};
    size_t length = 0;

    while (*text != '\0') {
        if (word.quote == '\0' && character_is_space(character_at(text, &length))) {
            end_word(&word, ret);
            text += length;
        } else {
            text += read_quoted(text, escape, &word);
        }
    }
    end_word(&word, ret);
}

void instruction_words_plain(const char *text, struct strings *ret)
{
    while (*text != '\0') {
        size_t length = strcspn(text, BLANKS);

        strings_take(ret, xstrndup(text, length));
        text += length + strspn(text + length, BLANKS);
    }
}

/* The same as read_quoted, of a flag, whose quotes and escapes go. */
static size_t read_flag(const char *text, char escape, struct word *word)
{
    size_t length = 0;
    size_t skipped = *text == escape ? 1 : 0;

    if (word->quote == '\0' && (*text == '\'' || *text == '"')) {
        word->quote = *text;
        word->had_quotes = true;
        return 1;
    }
    if (word->quote != '\0' && *text == word->quote) {
        word->quote = '\0';
        return 1;
    }
    character_at(text + skipped, &length);
    buffer_append(&word->text, text + skipped, length);
    return skipped + length;
}

const char *instruction_words_flags(const char *text, char escape, struct strings *ret)
{
    size_t length = 0;

    for (;;) {
        CLEANUP(word_free) struct word word = {0};

        text = character_skip_space(text);
        if (strncmp(text, "--", 2) != 0)
            return text;
        while (*text != '\0' &&
               (word.quote != '\0' || !character_is_space(character_at(text, &length))))
            text += read_flag(text, escape, &word);
        if (strcmp(word.text.data, "--") == 0)
            return text;
        end_word(&word, ret);
    }
}
