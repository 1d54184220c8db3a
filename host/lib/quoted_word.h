/*
 * Words for a shell: POSIX, "Shell Command Language", section 2.2 ("Quoting").
 */
#ifndef VMBUILD_QUOTED_WORD_H
#define VMBUILD_QUOTED_WORD_H

#include "host/lib/buffer.h"

/* Appends WORD so that a POSIX shell reads it as this one word, whatever it has: in single quotes,
 * unless none of it means anything to a shell. */
void quoted_word(const char *word, struct buffer *out);

#endif
