#include "host/lib/printable.h"

#include <string.h>

#include "host/lib/memory.h"
#include "host/lib/utf8.h"

/* Returns the length of the character at TEXT, of which LEFT bytes are there, if it is one of those
 * that are KEPT; else 0. */
static size_t character_length(const char *text, size_t left, enum printable_kept kept)
{
    if (kept == PRINTABLE_ASCII)
        return *text >= ' ' && *text <= '~';
    unsigned char first = (unsigned char)text[0];
    size_t length = utf8_length((const unsigned char *)text, left);

    if (kept == PRINTABLE_ANY_UTF8)
        return first == '\0' ? 0 : length;
    if (kept == PRINTABLE_LINES && first == '\n')
        return 1;
    bool is_control = (first < 0x20 && first != '\t') || first == 0x7f ||
                      (length == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0);

    return is_control ? 0 : length;
}

bool printable_is_ascii(const char *text)
{
    while (character_length(text, 1, PRINTABLE_ASCII) > 0)
        text++;
    return *text == '\0';
}

/* Appends BYTE as `cat -v` shows it. */
static void append_caret(struct buffer *out, unsigned char byte)
{
    char text[5] = "M-^";
    size_t length = byte & 0x80 ? 2 : 0;

    byte &= 0x7f;
    if (byte < 0x20 || byte == 0x7f) {
        text[length++] = '^';
        byte ^= 0x40;
    }
    text[length++] = (char)byte;
    buffer_append(out, text, length);
}

static void append_rest(struct buffer *out, unsigned char byte, enum printable_rest rest)
{
    switch (rest) {
    case PRINTABLE_DROP:
        break;
    case PRINTABLE_MARK:
        buffer_append(out, "?", 1);
        break;
    case PRINTABLE_ESCAPE:
        buffer_printf(out, "\\x%02x", byte);
        break;
    case PRINTABLE_CARET:
        append_caret(out, byte);
        break;
    }
}

void printable_append(struct buffer *out, const char *text, size_t length, enum printable_kept kept,
                      enum printable_rest rest)
{
    size_t start = 0; /* of what is kept and not appended yet */

    if (length == 0)
        text = "";
    for (size_t i = 0; i < length;) {
        size_t step = character_length(text + i, length - i, kept);

        if (step > 0) {
            i += step;
            continue;
        }
        buffer_append(out, text + start, i - start);
        append_rest(out, (unsigned char)text[i], rest);
        start = ++i;
    }
    buffer_append(out, text + start, length - start);
}

char *printable_copy(const char *text, size_t length, enum printable_kept kept,
                     enum printable_rest rest)
{
    struct buffer out = {0};

    printable_append(&out, text, length, kept, rest);
    return buffer_steal(&out);
}

/* Whether TEXT continues a UTF-8 character. */
static bool is_continuation(const char *text)
{
    return ((unsigned char)*text & 0xc0) == 0x80;
}

char *printable_cut(const char *text, size_t max)
{
    size_t length = strlen(text), head = max / 4 * 3, tail = max - head;

    if (length <= max)
        return xstrdup(text);
    const char *end = text + length - tail;

    while (head > 0 && is_continuation(text + head))
        head--;
    while (is_continuation(end))
        end++;
    return xasprintf("%.*s [%zu bytes left out] %s", (int)head, text, (size_t)(end - text) - head,
                     end);
}
