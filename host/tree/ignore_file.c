#include "host/tree/ignore_file.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/character.h"
#include "host/lib/clean_path.h"
#include "host/lib/cleanup.h"
#include "host/lib/glob.h"
#include "host/lib/memory.h"
#include "host/lib/path_pattern.h"
#include "host/lib/utf8.h"

struct ignore_pattern {
    struct glob glob;
    bool is_exception;
};

static struct error *refuse(const char *cause)
{
    return error_new(EXIT_INPUT, "%s", cause);
}

/* Adds what "**" at *TEXT, which is passed with a slash behind it, stands for. IS_FIRST: nothing
 * precedes it. */
static void add_directories(const char **text, bool is_first, struct glob *glob)
{
    bool has_slash = (*text)[2] == '/';

    *text += has_slash ? 3 : 2;
    /* "**x" alone is any path that ends in x; behind something, or followed by another wildcard, it
     * stands for whole directories. */
    bool is_whole =
        **text != '\0' && (has_slash || !is_first || (*text)[strcspn(*text, "*?[]\\")] != '\0');

    if (is_whole)
        glob_add_optional(glob, 2);
    glob_add_any(glob, true, 0);
    if (is_whole)
        glob_add_character(glob, '/');
}

/* Reads one step of a pattern at *TEXT, of which START is the beginning. */
static struct error *read_step(const char *start, const char **text, struct glob *glob)
{
    if (strncmp(*text, "**", 2) == 0) {
        add_directories(text, *text == start, glob);
        return NULL;
    }
    return path_pattern_read_step(text, glob);
}

static struct error *read_pattern(const char *text, struct glob *glob)
{
    for (const char *at = text; *at != '\0';)
        TRY(read_step(text, &at, glob));
    return NULL;
}

struct error *ignore_file_add(struct ignore_file *file, const char *line)
{
    CLEANUP(freep) char *trimmed = character_trim(line);
    bool is_exception = *trimmed == '!';
    CLEANUP(freep)
    char *cleaned = clean_path(character_skip_space(trimmed + (is_exception ? 1 : 0)));
    const char *pattern = cleaned[0] == '/' && cleaned[1] != '\0' ? cleaned + 1 : cleaned;

    if (*trimmed == '\0')
        return NULL;
    if (strcmp(trimmed, "!") == 0)
        return refuse("'!' is not followed by a pattern");
    if (strlen(trimmed) > IGNORE_PATTERN_MAX)
        return error_new(EXIT_INPUT, "more than %d bytes", IGNORE_PATTERN_MAX);
    file->patterns = xreallocarray(file->patterns, file->count + 1, sizeof *file->patterns);
    file->patterns[file->count] = (struct ignore_pattern){.is_exception = is_exception};
    return read_pattern(pattern, &file->patterns[file->count++].glob);
}

static struct error *add_line(struct ignore_file *file, const char *line, size_t length)
{
    if (memchr(line, '\0', length) != NULL || !utf8_is_valid(line, length))
        return refuse("not UTF-8");
    CLEANUP(freep) char *text = xstrndup(line, length);

    return *text == '#' ? NULL : ignore_file_add(file, text);
}

struct error *ignore_file_parse(const char *name, const char *bytes, size_t length,
                                struct ignore_file *ret)
{
    CLEANUP(ignore_file_free) struct ignore_file file = {0};
    unsigned int number = 1;
    size_t at = length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    if (length > IGNORE_FILE_SIZE_MAX)
        return error_new(EXIT_INPUT, "read '%s': more than %u MiB", name,
                         IGNORE_FILE_SIZE_MAX >> 20);
    for (; at < length; number++) {
        const char *end = memchr(bytes + at, '\n', length - at);
        size_t line = end != NULL ? (size_t)(end - bytes) - at : length - at;
        struct error *err = add_line(&file, bytes + at, line);

        if (err != NULL)
            return error_context(error_context(err, "line %u", number), "read '%s'", name);
        at += line + 1;
    }
    *ret = file;
    file = (struct ignore_file){0};
    return NULL;
}

bool ignore_file_matches(const struct ignore_file *file, const char *path)
{
    CLEANUP(glob_text_free) struct glob_text text = glob_text_make(path);
    bool is_left_out = false;

    for (size_t i = 0; i < file->count; i++) {
        const struct ignore_pattern *pattern = &file->patterns[i];

        if (pattern->is_exception == is_left_out && glob_matches(&pattern->glob, &text, '/'))
            is_left_out = !pattern->is_exception;
    }
    return is_left_out;
}

bool ignore_file_has_exceptions(const struct ignore_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->patterns[i].is_exception)
            return true;
    return false;
}

void ignore_file_free(struct ignore_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        glob_free(&file->patterns[i].glob);
    free(file->patterns);
    *file = (struct ignore_file){0};
}
