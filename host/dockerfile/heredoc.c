#include "host/dockerfile/heredoc.h"

#include <stdlib.h>
#include <string.h>

#include "host/dockerfile/shell_word.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static const struct shell_variables no_variables = {0};

static size_t count_quotes(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\'' || *text == '"';
    return count;
}

/* Reads the NAME of `<<NAME`. Nothing but quotes makes it a quoted one. */
static struct error *read_name(const char *text, bool *ret_is_one, struct heredoc *ret)
{
    static const struct shell_rules plain = {.escape = '\\', .keep_unset = true};
    static const struct shell_rules raw = {.escape = '\\', .keep_unset = true, .keep_quotes = true};
    CLEANUP(strings_free) struct strings words = {0};
    CLEANUP(strings_free) struct strings raw_words = {0};

    *ret_is_one = false;
    TRY(shell_word_split(text, &plain, &no_variables, &words));
    if (words.count != 1)
        return NULL;
    TRY(shell_word_split(text, &raw, &no_variables, &raw_words));
    ret->name = xstrdup(words.items[0]);
    ret->is_quoted =
        raw_words.count != 1 || count_quotes(words.items[0]) != count_quotes(raw_words.items[0]);
    *ret_is_one = true;
    return NULL;
}

struct error *heredoc_read(const char *word, bool *ret_is_one, struct heredoc *ret)
{
    const char *at = word + strspn(word, "0123456789");

    *ret_is_one = false;
    if (strncmp(at, "<<", 2) != 0)
        return NULL;
    at += 2;
    struct heredoc made = {.strips_tabs = *at == '-'};

    at += made.strips_tabs ? 1 : 0;
    at += strspn(at, " \t\n\f\r");
    if (*at == '\0' || strchr(at, '<') != NULL)
        return NULL;
    TRY(read_name(at, ret_is_one, &made));
    if (*ret_is_one)
        *ret = made;
    return NULL;
}

struct error *heredocs_find(const char *line, struct heredocs *ret)
{
    static const struct shell_rules rules = {
        .escape = '\\', .keep_unset = true, .keep_quotes = true, .keep_escapes = true};
    CLEANUP(strings_free) struct strings words = {0};
    CLEANUP(error_freep) struct error *err = shell_word_split(line, &rules, &no_variables, &words);

    /* The shell that runs the line may well understand it. */
    for (size_t i = 0; err == NULL && i < words.count; i++) {
        struct heredoc heredoc = {0};
        bool is_one = false;

        TRY(heredoc_read(words.items[i], &is_one, &heredoc));
        if (!is_one)
            continue;
        ret->items = xreallocarray(ret->items, ret->count + 1, sizeof *ret->items);
        ret->items[ret->count++] = heredoc;
    }
    return NULL;
}

bool heredoc_ends_at(const struct heredoc *heredoc, const char *line, size_t length)
{
    size_t tabs = heredoc->strips_tabs ? strspn(line, "\t") : 0;

    return tabs <= length && length - tabs == strlen(heredoc->name) &&
           memcmp(line + tabs, heredoc->name, length - tabs) == 0;
}

char *heredoc_text(const struct heredoc *heredoc)
{
    struct buffer text = {0};

    for (const char *at = heredoc->text; *at != '\0';) {
        at += heredoc->strips_tabs ? strspn(at, "\t") : 0;
        const char *end = strchrnul(at, '\n');

        end += *end == '\n' ? 1 : 0;
        buffer_append(&text, at, (size_t)(end - at));
        at = end;
    }
    return buffer_steal(&text);
}

void heredoc_free(struct heredoc *heredoc)
{
    free(heredoc->name);
    free(heredoc->text);
    *heredoc = (struct heredoc){0};
}

void heredocs_free(struct heredocs *heredocs)
{
    for (size_t i = 0; i < heredocs->count; i++)
        heredoc_free(&heredocs->items[i]);
    free(heredocs->items);
    *heredocs = (struct heredocs){0};
}
