/*
 * Text from elsewhere (an archive, a registry, the guest, another program) made fit for one line of
 * a message or a terminal. Two things are chosen: what is kept, and what becomes of the rest.
 */
#ifndef VMBUILD_PRINTABLE_H
#define VMBUILD_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/buffer.h"

enum printable_kept {
    PRINTABLE_ASCII,   /* from space to tilde */
    PRINTABLE_UTF8,    /* tabs and valid characters, but no control characters */
    PRINTABLE_LINES,   /* the same, and line ends */
    PRINTABLE_ANY_UTF8 /* all valid characters but NUL: not for a terminal */
};

/* Each byte of the rest on its own. */
enum printable_rest {
    PRINTABLE_DROP,   /* left out */
    PRINTABLE_MARK,   /* '?' */
    PRINTABLE_ESCAPE, /* \xNN */
    PRINTABLE_CARET   /* as cat(1) with -v shows it: ^[, M-^[ */
};

/* Whether TEXT is printable ASCII from end to end, spaces included. */
bool printable_is_ascii(const char *text);

/* Appends the LENGTH bytes at TEXT to OUT, which stays the caller's. */
void printable_append(struct buffer *out, const char *text, size_t length, enum printable_kept kept,
                      enum printable_rest rest);

/* Returns the LENGTH bytes at TEXT made printable; never NULL, the caller's. */
char *printable_copy(const char *text, size_t length, enum printable_kept kept,
                     enum printable_rest rest);

/* Returns a copy of TEXT; of one longer than MAX bytes only its first three and its last quarter,
 * with what they leave out counted between them, since causes stand at the end. Never NULL, the
 * caller's. */
char *printable_cut(const char *text, size_t max);

#endif
