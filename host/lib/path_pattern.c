#include "host/lib/path_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/character.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static struct error *refuse(const char *cause)
{
    return error_new(EXIT_INPUT, "%s", cause);
}

/* Reads a character of a set at *TEXT, which may be escaped. */
static struct error *read_member(const char **text, uint32_t *ret)
{
    size_t length = 0;

    if (**text == '\0' || **text == '-' || **text == ']')
        return refuse("a pattern's [...] is not valid");
    if (**text == '\\')
        ++*text;
    *ret = character_at(*text, &length);
    *text += length;
    return *ret != 0 ? NULL : refuse("a pattern's [...] is not valid");
}

/* Reads the set at *TEXT, behind its bracket. */
static struct error *read_set(const char **text, struct glob *glob)
{
    bool is_inverted = **text == '^';

    *text += is_inverted ? 1 : 0;
    glob_add_set(glob, is_inverted);
    do {
        uint32_t first = 0, last = 0;

        TRY(read_member(text, &first));
        last = first;
        if (**text == '-') {
            ++*text;
            TRY(read_member(text, &last));
        }
        glob_extend(glob, first, last);
    } while (**text != ']');
    ++*text;
    return NULL;
}

struct error *path_pattern_read_step(const char **text, struct glob *glob)
{
    size_t length = 0;

    if (**text == '*' || **text == '?') {
        glob_add_any(glob, **text == '*', '/');
        ++*text;
        return NULL;
    }
    if (**text == '[') {
        ++*text;
        return read_set(text, glob);
    }
    if (**text == '\\')
        ++*text;
    uint32_t character = character_at(*text, &length);

    if (character == 0)
        return refuse("a pattern ends in a backslash");
    glob_add_character(glob, character);
    *text += length;
    return NULL;
}

/* Whether one of the LENGTH bytes of NAME stands for others than itself. */
static bool is_pattern(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] == '\\')
            i++;
        else if (strchr("*?[", name[i]) != NULL)
            return true;
    return false;
}

static struct error *add_name(struct path_pattern *pattern, const char *name, size_t length)
{
    CLEANUP(freep) char *text = xstrndup(name, length);

    pattern->names = xreallocarray(pattern->names, pattern->count + 1, sizeof *pattern->names);
    struct glob *glob = &pattern->names[pattern->count++];

    *glob = (struct glob){0};
    for (const char *at = text; *at != '\0';)
        TRY(path_pattern_read_step(&at, glob));
    return NULL;
}

struct error *path_pattern_parse(const char *path, struct path_pattern *ret)
{
    CLEANUP(path_pattern_free) struct path_pattern pattern = {0};
    const char *start = path + strspn(path, "/"), *end = start;

    for (const char *at = start; *at != '\0'; at += strspn(at, "/")) {
        size_t length = strcspn(at, "/");

        if (pattern.count > 0 || is_pattern(at, length))
            TRY(add_name(&pattern, at, length));
        else
            end = at + length;
        at += length;
    }
    pattern.start = xstrndup(start, (size_t)(end - start));
    *ret = pattern;
    pattern = (struct path_pattern){0};
    return NULL;
}

bool path_pattern_matches(const struct path_pattern *pattern, size_t index, const char *name)
{
    CLEANUP(glob_text_free) struct glob_text text = glob_text_make(name);

    return glob_matches(&pattern->names[index], &text, 0);
}

void path_pattern_free(struct path_pattern *pattern)
{
    for (size_t i = 0; i < pattern->count; i++)
        glob_free(&pattern->names[i]);
    free(pattern->names);
    free(pattern->start);
    *pattern = (struct path_pattern){0};
}
