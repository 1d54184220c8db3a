#include "host/dockerfile/dockerfile.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/character.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/utf8.h"

/* A file while it is read. */
struct reader {
    const char *at; /* ended by a NUL, and without one before */
    unsigned int line;
    struct directives *directives;
    char *comment; /* the last one, if nothing else was behind it; or NULL */
};

struct error *dockerfile_context(struct error *err, const char *name, unsigned int line)
{
    return error_context(error_context(err, "line %u", line), "read '%s'", name);
}

/* Moves past the next line. Returns it, without what ends it, and its bytes in the file; NULL at
 * the end of the file. */
static const char *next_line(struct reader *reader, size_t *ret_length, size_t *ret_whole)
{
    const char *line = reader->at;
    const char *end = strchrnul(line, '\n');
    size_t length = (size_t)(end - line);

    if (*line == '\0')
        return NULL;
    *ret_whole = length + (*end == '\n' ? 1 : 0);
    while (length > 0 && line[length - 1] == '\r')
        length--;
    *ret_length = length;
    reader->at += *ret_whole;
    reader->line++;
    return line;
}

/* Whether TEXT, of which LENGTH bytes count, goes on in the next line. Takes what says so off
 * LENGTH. */
static bool is_continued(const char *text, char escape, size_t *length)
{
    size_t end = *length;

    while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t'))
        end--;
    if (end == 0 || text[end - 1] != escape || (end > 1 && text[end - 2] == escape))
        return false;
    *length = end - 1;
    return true;
}

/* Reads the lines that continue an instruction into OUT. Those of comments do not count. */
static void read_continuation(struct reader *reader, struct buffer *out, bool *ret_has_gap)
{
    char escape = directives_escape(reader->directives);
    bool goes_on = true;
    size_t length = 0, whole = 0;

    while (goes_on) {
        const char *line = next_line(reader, &length, &whole);

        if (line == NULL)
            return;
        CLEANUP(freep) char *text = xstrndup(line, length);
        const char *start = character_skip_space(text);

        if (*start == '#')
            continue;
        if (*start == '\0') {
            *ret_has_gap = true;
            continue;
        }
        goes_on = is_continued(text, escape, &length);
        buffer_append(out, text, length);
    }
}

/* Keeps TEXT, a comment or an empty line, as what is above the next instruction. */
static void keep_comment(struct reader *reader, const char *text)
{
    free(reader->comment);
    reader->comment = *text == '#' ? character_trim(text + 1) : NULL;
}

/* Reads the next instruction's lines into OUT, which is empty. *RET_FIRST is the number of the
 * first; 0 at the end of the file. */
static struct error *read_lines(struct reader *reader, struct buffer *out, unsigned int *ret_first,
                                bool *ret_has_gap)
{
    size_t length = 0, whole = 0;
    const char *line = NULL;

    *ret_first = 0;
    while ((line = next_line(reader, &length, &whole)) != NULL) {
        CLEANUP(freep) char *text = xstrndup(line, length);
        const char *start = character_skip_space(text);

        TRY(directives_read(reader->directives, start));
        if (*start == '\0' || *start == '#') {
            keep_comment(reader, start);
            continue;
        }
        length = strlen(start);
        bool goes_on = is_continued(start, directives_escape(reader->directives), &length);

        *ret_first = reader->line;
        buffer_append(out, start, length);
        if (goes_on)
            read_continuation(reader, out, ret_has_gap);
        return NULL;
    }
    return NULL;
}

static struct error *read_heredoc(struct reader *reader, struct heredoc *heredoc)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    size_t length = 0, whole = 0;
    const char *line = NULL;

    while ((line = next_line(reader, &length, &whole)) != NULL) {
        if (heredoc_ends_at(heredoc, line, length)) {
            heredoc->text = buffer_steal(&text);
            return NULL;
        }
        buffer_append(&text, line, whole);
    }
    return error_new(EXIT_INPUT, "the here-document '%.100s' has no end", heredoc->name);
}

static struct error *read_instruction(struct reader *reader, const struct buffer *text,
                                      struct instruction *instruction)
{
    TRY(instruction_read(text->data, directives_escape(reader->directives), instruction));
    struct instruction *command = instruction->trigger != NULL ? instruction->trigger : instruction;

    for (size_t i = 0; i < command->heredocs.count; i++)
        TRY(error_context(read_heredoc(reader, &command->heredocs.items[i]), "%s",
                          keyword_name(instruction->keyword)));
    return NULL;
}

/* Reads the next instruction and adds it to FILE. *RET_LINE is its first line, or the last one that
 * was read; 0 at the end of the file. */
static struct error *read_next(struct reader *reader, struct dockerfile *file,
                               unsigned int *ret_line)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    struct instruction instruction = {0};
    bool has_gap = false;
    struct error *err = read_lines(reader, &text, ret_line, &has_gap);

    if (err != NULL)
        *ret_line = reader->line;
    if (err != NULL || *ret_line == 0)
        return err;
    err = read_instruction(reader, &text, &instruction);
    if (err != NULL) {
        instruction_free(&instruction);
        return err;
    }
    instruction.first_line = *ret_line;
    instruction.last_line = reader->line;
    instruction.has_gap = has_gap;
    instruction.comment = STEAL(reader->comment);
    file->instructions =
        xreallocarray(file->instructions, file->count + 1, sizeof *file->instructions);
    file->instructions[file->count++] = instruction;
    return NULL;
}

/* Checks LINE, of LENGTH bytes. */
static struct error *check_line(const char *line, size_t length)
{
    if (length > DOCKERFILE_LINE_MAX)
        return error_new(EXIT_INPUT, "more than %d bytes", DOCKERFILE_LINE_MAX);
    if (memchr(line, '\0', length) != NULL || !utf8_is_valid(line, length))
        return error_advise(error_new(EXIT_INPUT, "not UTF-8"),
                            "a Dockerfile is a text file; another encoding has to be converted");
    return NULL;
}

/* Checks what the reader relies on. */
static struct error *check_bytes(const char *name, const char *bytes, size_t length)
{
    unsigned int number = 1;

    if (length > DOCKERFILE_SIZE_MAX)
        return error_new(EXIT_INPUT, "read '%s': more than %u MiB", name,
                         DOCKERFILE_SIZE_MAX >> 20);
    for (size_t at = 0; at < length; number++) {
        const char *end = memchr(bytes + at, '\n', length - at);
        size_t line = end != NULL ? (size_t)(end - bytes) - at : length - at;

        TRY(dockerfile_context(check_line(bytes + at, line), name, number));
        at += line + 1;
    }
    return NULL;
}

struct error *dockerfile_parse(const char *name, const char *bytes, size_t length,
                               struct dockerfile **ret)
{
    TRY(check_bytes(name, bytes, length));
    CLEANUP(dockerfile_freep) struct dockerfile *file = xcalloc(1, sizeof *file);
    CLEANUP(freep) char *text = xstrndup(bytes, length);
    struct reader reader = {
        .at = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text,
        .directives = &file->directives,
    };
    unsigned int line = 0;

    file->name = xstrdup(name);
    do {
        struct error *err = read_next(&reader, file, &line);

        if (err != NULL)
            free(reader.comment);
        TRY(dockerfile_context(err, name, line));
    } while (line > 0);
    free(reader.comment);
    if (file->count == 0)
        return error_new(EXIT_INPUT, "read '%s': no instructions", name);
    *ret = STEAL(file);
    return NULL;
}

void dockerfile_free(struct dockerfile *file)
{
    if (file == NULL)
        return;
    for (size_t i = 0; i < file->count; i++)
        instruction_free(&file->instructions[i]);
    free(file->instructions);
    directives_free(&file->directives);
    free(file->name);
    free(file);
}
