/*
 * The last lines of what a script wrote, to be shown again if it fails: bytes as they came, of
 * which the newest are kept.
 */
#ifndef VMBUILD_OUTPUT_TAIL_H
#define VMBUILD_OUTPUT_TAIL_H

#include <stdbool.h>
#include <stddef.h>

#define OUTPUT_TAIL_BYTES 16384
#define OUTPUT_TAIL_LINES 20

/* A zeroed one is empty. */
struct output_tail {
    char bytes[OUTPUT_TAIL_BYTES]; /* a ring */
    size_t next;                   /* where the next byte goes */
    bool wrapped;                  /* all of the ring is in use */
};

/* Appends LENGTH bytes; the oldest go. */
void output_tail_append(struct output_tail *tail, const char *bytes, size_t length);

/* Returns the last OUTPUT_TAIL_LINES lines, without what could control a terminal; of what a
 * carriage return lets overwrite one another, the last; the caller's. */
char *output_tail_lines(const struct output_tail *tail);

void output_tail_clear(struct output_tail *tail);

#endif
