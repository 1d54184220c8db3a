#include "host/dockerfile/shell_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "host/dockerfile/shell_word.h"
#include "host/lib/buffer.h"
#include "host/lib/character.h"
#include "host/lib/cleanup.h"
#include "host/lib/glob.h"
#include "host/lib/memory.h"

#define WORK_MAX (UINT64_C(1) << 28) /* characters of a pattern times those of a value */

/* Reads what follows the backslash at PATTERN. A slash or a brace is one only so that it does not
 * end the substitution. */
static struct error *read_escape(const char **pattern, uint32_t *ret)
{
    const char *at = *pattern + 1;
    size_t length = 0;

    *ret = character_at(at, &length);
    if (*ret == 0 || strchr("*?\\/}", (int)*ret) == NULL || *ret >= 0x80)
        return error_new(EXIT_INPUT,
                         "'\\%.*s' in a pattern: a backslash may only precede *, ? or "
                         "another one",
                         (int)length, at);
    *pattern = at + length;
    return NULL;
}

static struct error *read_pattern(const char *pattern, struct glob *out)
{
    while (*pattern != '\0') {
        size_t length = 0;
        uint32_t character = character_at(pattern, &length);

        if (character == '*' || character == '?') {
            glob_add_any(out, character == '*', '\n');
        } else if (character == '\\') {
            TRY(read_escape(&pattern, &character));
            glob_add_character(out, character);
            continue;
        } else {
            glob_add_character(out, character);
        }
        pattern += length;
    }
    return NULL;
}

/* Refuses a match that would take minutes. */
static struct error *check_work(const struct glob *glob, const struct glob_text *text)
{
    return text->count == 0 || glob->count <= WORK_MAX / text->count
               ? NULL
               : error_new(EXIT_INPUT, "a pattern of %zu characters is too long for a value of %zu",
                           glob->count, text->count);
}

struct error *shell_pattern_remove(const char *pattern, const char *value, bool is_end,
                                   bool is_longest, char **ret)
{
    CLEANUP(glob_free) struct glob glob = {0};
    CLEANUP(glob_text_free) struct glob_text text = glob_text_make(value);

    TRY(read_pattern(pattern, &glob));
    TRY(check_work(&glob, &text));
    if (is_end) {
        glob_reverse(&glob);
        glob_text_reverse(&text);
    }
    size_t end = glob_match(&glob, &text, 0, is_longest);

    if (end == GLOB_NONE)
        end = 0;
    *ret = is_end ? xstrndup(value, text.offsets[text.count - end])
                  : xstrdup(value + text.offsets[end]);
    return NULL;
}

/* Returns for each place of TEXT whether a match of GLOB begins there; the caller's. TEXT is the
 * same afterwards, GLOB is not. */
static bool *find_starts(struct glob *glob, struct glob_text *text)
{
    glob_reverse(glob);
    glob_text_reverse(text);
    bool *ends = glob_ends(glob, text);

    glob_reverse(glob);
    glob_text_reverse(text);
    return ends;
}

struct error *shell_pattern_replace(const char *pattern, const char *text, const char *value,
                                    bool is_each, char **ret)
{
    CLEANUP(glob_free) struct glob glob = {0};
    CLEANUP(glob_text_free) struct glob_text in = glob_text_make(value);
    CLEANUP(buffer_free) struct buffer out = {0};

    TRY(read_pattern(pattern, &glob));
    TRY(check_work(&glob, &in));
    CLEANUP(freep) bool *ends = find_starts(&glob, &in);
    size_t at = 0, last_end = GLOB_NONE;
    bool is_done = false;

    for (;;) {
        bool is_start = !is_done && ends[in.count - at];
        size_t end = is_start ? glob_match(&glob, &in, at, true) : GLOB_NONE;

        /* An empty piece right behind another one is none, as for regular expressions. */
        if (end != GLOB_NONE && (end > at || at != last_end)) {
            buffer_append(&out, text, strlen(text));
            if (out.length > SHELL_WORD_MAX)
                return error_new(EXIT_INPUT, "with what is replaced it has more than %u MiB",
                                 SHELL_WORD_MAX >> 20);
            is_done = !is_each;
            last_end = end;
            if (end > at) {
                at = end;
                continue;
            }
        }
        if (at == in.count)
            break;
        buffer_append(&out, value + in.offsets[at], in.offsets[at + 1] - in.offsets[at]);
        at++;
    }
    *ret = buffer_steal(&out);
    return NULL;
}
