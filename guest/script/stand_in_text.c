#include "guest/script/stand_in_text.h"

#include <stdlib.h>
#include <string.h>

/* Returns the length of the line at the start of TEXT, its newline included. */
static size_t line_length(struct text text)
{
    const char *end = text.length > 0 ? memchr(text.bytes, '\n', text.length) : NULL;

    return end != NULL ? (size_t)(end - text.bytes) + 1 : text.length;
}

/* Removes the line at the start of *TEXT and returns it. */
static struct text take_line(struct text *text)
{
    struct text line = {.bytes = text->bytes, .length = line_length(*text)};

    *text = (struct text){.bytes = text->bytes + line.length, .length = text->length - line.length};
    return line;
}

/* Whether they are the same but for the newline, which the last line of a file may lack. */
static bool is_same(struct text line, struct text other)
{
    size_t length = line.length - (line.length > 0 && line.bytes[line.length - 1] == '\n');
    size_t other_length =
        other.length - (other.length > 0 && other.bytes[other.length - 1] == '\n');

    return length == other_length && length > 0 && memcmp(line.bytes, other.bytes, length) == 0;
}

/* Returns whether TEXT has LINE. */
static bool has_line(struct text text, struct text line)
{
    while (text.length > 0)
        if (is_same(take_line(&text), line))
            return true;
    return false;
}

static void append(struct text *to, struct text text)
{
    if (text.length > 0)
        memcpy(to->bytes + to->length, text.bytes, text.length);
    to->length += text.length;
}

int stand_in_text_show(const struct stand_in_text *stand_in, struct text *ret)
{
    *ret = (struct text){.bytes = malloc(stand_in->own.length + stand_in->image.length + 1)};
    if (ret->bytes == NULL)
        return -1;
    append(ret, stand_in->own);
    if (!stand_in->replaces)
        append(ret, stand_in->image);
    return 0;
}

bool stand_in_text_restore(const struct stand_in_text *stand_in, struct text file, struct text *ret)
{
    struct text own = stand_in->own;
    struct text mark = take_line(&own);
    bool found = false;

    if (stand_in->replaces && !has_line(file, mark))
        return false;
    *ret = (struct text){.bytes = malloc(file.length + stand_in->image.length + 1)};
    if (ret->bytes == NULL)
        return true;
    while (file.length > 0) {
        struct text line = take_line(&file);

        if (!has_line(stand_in->own, line)) {
            append(ret, line);
            continue;
        }
        if (!found && stand_in->replaces) {
            append(ret, stand_in->image);
            if (ret->length > 0 && ret->bytes[ret->length - 1] != '\n')
                ret->bytes[ret->length++] = '\n';
        }
        found = true;
    }
    if (!found) {
        free(ret->bytes);
        ret->bytes = NULL;
    }
    return found;
}
