#include "host/lib/printable.h"

#include <string.h>

#include "host/lib/utf8.h"

#define COLOUR_RESET "\033[0m"

/* Returns the length of the colour sequence at TEXT, of which LEFT bytes are there (ECMA-48 SGR:
 * ESC [ digits and semicolons m); 0 if there is none. */
static size_t colour_length(const char *text, size_t left)
{
    if (left < 2 || text[0] != '\033' || text[1] != '[')
        return 0;
    for (size_t i = 2; i < left; i++) {
        if (text[i] == 'm')
            return i + 1;
        if ((text[i] < '0' || text[i] > '9') && text[i] != ';')
            return 0;
    }
    return 0;
}

/* Returns the length of the printable character at TEXT, of which LEFT bytes are there; 0 if there
 * is none. */
static size_t character_length(const char *text, size_t left, enum printable_kept kept)
{
    if (kept == PRINTABLE_ASCII)
        return *text >= ' ' && *text <= '~';
    unsigned char first = (unsigned char)text[0];
    size_t length = utf8_length((const unsigned char *)text, left);
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

void printable_append(struct buffer *out, const char *text, size_t length, enum printable_kept kept,
                      enum printable_rest rest)
{
    bool coloured = false;

    for (size_t i = 0; i < length;) {
        size_t step = kept == PRINTABLE_COLOURS ? colour_length(text + i, length - i) : 0;

        if (step > 0)
            coloured = true;
        else
            step = character_length(text + i, length - i, kept);
        if (step > 0)
            buffer_append(out, text + i, step);
        else if (rest == PRINTABLE_MARK)
            buffer_append(out, "?", 1);
        else if (rest == PRINTABLE_ESCAPE)
            buffer_printf(out, "\\x%02x", (unsigned char)text[i]);
        i += step > 0 ? step : 1;
    }
    if (coloured)
        buffer_append(out, COLOUR_RESET, strlen(COLOUR_RESET));
}

char *printable_copy(const char *text, size_t length, enum printable_kept kept,
                     enum printable_rest rest)
{
    struct buffer out = {0};

    printable_append(&out, text, length, kept, rest);
    return buffer_steal(&out);
}
