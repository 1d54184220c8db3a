/*
 * Text of the tables as mdoc(7), the language of manual pages.
 *
 * The tables' texts are sentences, in paragraphs that an empty line separates ("\n\n"), with what
 * is to be typed or read literally between backquotes. What a literal is decides how it is set: an
 * option (`--spec`), a page (`vmbuild-spec(5)`), a variable (`TMPDIR` or `$TMPDIR`), a path from
 * the root or the home directory (`/tmp`), a word (`runAsRoot`), or else code.
 */
#ifndef VMBUILD_MDOC_H
#define VMBUILD_MDOC_H

#include "host/lib/buffer.h"

/* Appends TEXT as lines of mdoc; a sentence starts a line. */
void mdoc_text(const char *text, struct buffer *out);

/* Appends the LENGTH bytes at WORD as an argument of a macro, whatever is in them. */
void mdoc_argument(const char *word, size_t length, struct buffer *out);

#endif
