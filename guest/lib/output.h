/*
 * The port that carries the scripts' output to the user, plain or, for a session of the user's, in
 * frames (guest/contract.h). The buffer holds what was read from a script and is not written yet; a
 * script is read only while that is empty, so that a slow host slows the script down.
 */
#ifndef VMBUILD_GUEST_OUTPUT_H
#define VMBUILD_GUEST_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/lib/fault.h"

struct output {
    int port;
    uint64_t written; /* bytes, in all */
    size_t start;
    size_t end;
    unsigned char bytes[32u << 10]; /* as many as the kernel takes in one write */
};

/* Opens the port, before anything else is done with it. Returns 0, or -1 with FAULT. */
int output_open(struct output *output, struct fault *fault);

/* What is written of a script: bytes alone, or frames of this kind (enum guest_stream). */
#define OUTPUT_PLAIN 0

/* Reads from FD, for frames of KIND; nothing may be pending. Returns false at its end. */
bool output_read(struct output *output, int fd, unsigned kind);

static inline bool output_pending(const struct output *output)
{
    return output->start < output->end;
}

/* Writes as much as the port takes now. If the host has closed its end, what is pending is
 * dropped. */
void output_write(struct output *output);

/* Reads FD, all of whose writers have ended, to its end, and writes everything. */
void output_drain(struct output *output, int fd, unsigned kind);

/* Writes the line "vmbuild: TEXT" to the port. */
void output_note(struct output *output, const char *text);

#endif
