/*
 * The port that carries the scripts' output to the user, plain or, for a session of the user's and
 * if the host wants to tell streams apart, in frames (guest/contract.h). The buffer holds what was
 * read from a script and is not written yet; a script is read only while that is empty, so that a
 * slow host slows the script down.
 */
#ifndef VMBUILD_GUEST_OUTPUT_H
#define VMBUILD_GUEST_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/lib/fault.h"

struct output {
    int port;
    uint64_t written;   /* bytes, in all */
    bool tells_streams; /* scripts have two, and all is in frames */
    size_t start;
    size_t end;
    size_t frame;                   /* where the last frame begins; of what is pending */
    unsigned kind;                  /* its kind, or OUTPUT_PLAIN */
    unsigned char bytes[32u << 10]; /* as many as the kernel takes in one write */
};

/* Opens the port, before anything else is done with it. Returns 0, or -1 with FAULT. */
int output_open(struct output *output, struct fault *fault);

/* What is written of a script: bytes alone, or frames of this kind (enum guest_stream). */
#define OUTPUT_PLAIN 0

/* Appends what one read(2) of FD returns to what is pending, none of which may have been written
 * yet, as a frame of KIND or to the last one if that is of KIND. There has to be room. Returns the
 * number of bytes; 0 at the end of FD, below 0 if it has none now. */
ssize_t output_read(struct output *output, int fd, unsigned kind);

/* Whether what a pipe passes on at once can be appended. */
bool output_has_room(const struct output *output);

static inline bool output_pending(const struct output *output)
{
    return output->start < output->end;
}

/* Writes as much as the port takes now. If the host has closed its end, what is pending is
 * dropped. */
void output_write(struct output *output);

/* Writes everything that is pending, however long the host takes to read it. */
void output_flush(struct output *output);

/* Reads FD, all of whose writers have ended, to its end, and writes everything. */
void output_drain(struct output *output, int fd, unsigned kind);

/* Writes the line "vmbuild: TEXT" to the port, as an error. */
void output_note(struct output *output, const char *text);

#endif
