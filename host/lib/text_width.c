#include "host/lib/text_width.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "host/lib/printable.h"
#include "host/lib/utf8.h"

#define TAB 8

struct text_width text_width_of(const char *name)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, name, (locale_t)0);
    bool is_utf8 = locale != (locale_t)0 && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;

    return (struct text_width){.is_utf8 = is_utf8, .locale = locale};
}

/* Whether the locale that the environment names is one for UTF-8, as far as its name tells. */
static bool wants_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"}; /* locale(7) */

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);

        if (value != NULL && *value != '\0')
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

struct text_width text_width_of_user(void)
{
    struct text_width width = text_width_of("");

    /* A locale that this system lacks, as is usual in containers, and after ssh(1). */
    if (width.locale == (locale_t)0 && wants_utf8())
        width = text_width_of("C.UTF-8");
    return width;
}

void text_width_free(struct text_width *width)
{
    if (width->locale != (locale_t)0)
        freelocale(width->locale);
    *width = (struct text_width){0};
}

/* Returns the character at TEXT, of LENGTH bytes of valid UTF-8. */
static wchar_t decode(const char *text, size_t length)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned int character = (unsigned char)text[0] & masks[length];

    for (size_t i = 1; i < length; i++)
        character = character << 6 | ((unsigned char)text[i] & 0x3f);
    return (wchar_t)character;
}

/* Returns the columns of a printable character. One that the C library does not know yet may be a
 * wide one, such as an emoji. */
static size_t character_width(const char *text, size_t length)
{
    int columns = length == 1 ? 1 : wcwidth(decode(text, length));

    return columns < 0 ? 2 : (size_t)columns;
}

/* Appends the character at TEXT, of which LEFT bytes are there, to PIECE, as it is shown in COLUMN.
 * Returns its bytes, and its columns in *RET_COLUMNS. */
static size_t take_character(const struct text_width *width, const char *text, size_t left,
                             size_t column, struct buffer *piece, size_t *ret_columns)
{
    unsigned char first = (unsigned char)*text;
    size_t length = utf8_length((const unsigned char *)text, left);
    bool is_control = first < 0x20 || first == 0x7f ||
                      (length == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0);

    if (first == '\t') {
        *ret_columns = TAB - column % TAB;
        buffer_printf(piece, "%*s", (int)*ret_columns, "");
        return 1;
    }
    if (length > 0 && !is_control && (length == 1 || width->is_utf8)) {
        *ret_columns = character_width(text, length);
        buffer_append(piece, text, length);
        return length;
    }
    printable_append(piece, text, 1, PRINTABLE_ASCII, PRINTABLE_CARET);
    *ret_columns = piece->length;
    return 1;
}

size_t text_width_fit(const struct text_width *width, const char *text, size_t length,
                      size_t columns, struct buffer *out)
{
    locale_t before = width->locale != (locale_t)0 ? uselocale(width->locale) : (locale_t)0;
    struct buffer piece = {0};
    size_t used = 0;

    for (size_t i = 0; i < length;) {
        size_t needed;

        piece.length = 0;
        i += take_character(width, text + i, length - i, used, &piece, &needed);
        if (used + needed > columns)
            break;
        buffer_append(out, piece.data, piece.length);
        used += needed;
    }
    buffer_free(&piece);
    if (before != (locale_t)0)
        uselocale(before);
    return used;
}
