/*
 * What the host sends to a session of the user's: frames (guest/contract.h) on the port whose other
 * direction carries the output. They are read only as fast as the session takes its input, so that
 * a program which does not read holds the host back.
 */
#ifndef VMBUILD_GUEST_SESSION_INPUT_H
#define VMBUILD_GUEST_SESSION_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/contract.h"

struct session_input {
    int port;
    int target;       /* what the session reads from: a terminal or a pipe; below 0: nothing */
    bool is_terminal; /* it is not closed at the end of the input, and has a size */
    bool begun;       /* what comes is meant for this session */
    bool ended;       /* no more will come from the port */

    /* What was read from the port and is not used yet. */
    size_t start, end;
    unsigned char bytes[8u << 10];

    /* The frame that it is in. */
    unsigned char header[GUEST_STREAM_HEADER];
    size_t header_length;
    uint32_t kind, left; /* once the header is whole: bytes that are still to come */
    unsigned char size[4];
};

/* Begins a session that reads from TARGET, which does not block and which session_input_end closes;
 * below 0: it takes no input. PORT does not block either. */
void session_input_start(struct session_input *input, int port, int target, bool is_terminal);

/* Whether the port is to be read, or the target to be written to, as soon as that is possible. */
bool session_input_wants_port(const struct session_input *input);
bool session_input_wants_target(const struct session_input *input);

/* Reads the port; and passes on what the target takes now. */
void session_input_read(struct session_input *input);
void session_input_pass(struct session_input *input);

/* Closes the target. */
void session_input_end(struct session_input *input);

#endif
