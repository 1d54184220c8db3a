/*
 * What the completions of the shells have in common.
 */
#ifndef VMBUILD_SHELL_H
#define VMBUILD_SHELL_H

#include "host/command/option_table.h"
#include "host/lib/buffer.h"

/* Appends TEXT between single quotes. QUOTE is how a quote in it is written: "'\\''" in sh. */
void shell_quote(const char *text, const char *quote, struct buffer *out);

/* Appends the words that ARGUMENT may be with blanks between them; nothing if they are not known
 * beforehand. Keys of the spec have a "=" behind them. */
void shell_words(const struct argument *argument, struct buffer *out);

/* Appends "-o" and "--output" with SEPARATOR between them. */
void shell_spellings(const struct option_row *row, const char *separator, struct buffer *out);

/* Appends the spellings of all options with a value, with SEPARATOR between them. */
void shell_valued(const char *separator, struct buffer *out);

#endif
