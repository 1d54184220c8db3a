/*
 * How much room text takes on a terminal, and text cut to the room that there is. What a terminal
 * can show depends on the user's locale, of which nothing else of the program knows.
 */
#ifndef VMBUILD_TEXT_WIDTH_H
#define VMBUILD_TEXT_WIDTH_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>

#include "host/lib/buffer.h"

struct text_width {
    bool is_utf8;    /* else only ASCII is shown */
    locale_t locale; /* that has the widths, or 0 */
};

/* Returns what the user's locale has; text_width_free releases it. */
struct text_width text_width_of_user(void);

/* The same for a locale by its name: such as "C" or "C.UTF-8". */
struct text_width text_width_of(const char *name);

void text_width_free(struct text_width *width);

/* Appends as much of the LENGTH bytes at TEXT as fits into COLUMNS: tabs as spaces, and what could
 * control a terminal or cannot be shown as `cat -v` shows it. Returns the columns that it takes. */
size_t text_width_fit(const struct text_width *width, const char *text, size_t length,
                      size_t columns, struct buffer *out);

#endif
