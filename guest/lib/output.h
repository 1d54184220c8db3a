/* The port that carries the scripts' output to the user. */
#ifndef VMBUILD_GUEST_OUTPUT_H
#define VMBUILD_GUEST_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/lib/fault.h"

/* What was read from a script and is not written yet. */
struct output {
    int port;
    uint64_t written; /* bytes, ever */
    size_t start;
    size_t end;
    unsigned char bytes[32u << 10]; /* as many as the kernel takes in one write */
};

/* Opens the port. Returns 0, or -1 with FAULT. */
int output_open(struct output *output, struct fault *fault);

/* Reads from FD. Only when nothing is pending. Returns false at its end. */
bool output_read(struct output *output, int fd);

static inline bool output_pending(const struct output *output)
{
    return output->start < output->end;
}

/* Writes what the port takes now. When the host has closed its end, what is pending is dropped. */
void output_write(struct output *output);

/* Reads FD, all of whose writers have ended, to its end, and writes everything out. */
void output_drain(struct output *output, int fd);

/* Writes TEXT to the port, as a line of init's own. */
void output_note(struct output *output, const char *text);

#endif
