/*
 * All that a script has written, in a file without a name, until it is known whether anybody wants
 * to see it.
 */
#ifndef VMBUILD_TRANSCRIPT_H
#define VMBUILD_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "host/lib/buffer.h"

/* A zeroed one is empty. */
struct transcript {
    FILE *file; /* NULL: there is none yet */
    uint64_t length;
    uint64_t left_out;
};

/* Appends LENGTH bytes, or, if that would make more than MOST, only counts WRITTEN as left out.
 * Returns false if there is no file, or its disk is full. */
bool transcript_append(struct transcript *transcript, const char *bytes, size_t length,
                       uint64_t most, size_t written);

/* Appends all to OUT, in pieces, after each of which WRITE may empty OUT. */
void transcript_show(struct transcript *transcript, struct buffer *out,
                     void (*write)(struct buffer *out));

/* Makes it empty. */
void transcript_clear(struct transcript *transcript);

void transcript_free(struct transcript *transcript);

#endif
