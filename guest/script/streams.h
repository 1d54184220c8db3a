/*
 * The streams that a script starts with, at both ends: pipes, which are made before the sandbox, or
 * the terminal of a session, which is made inside it, of the devpts that the session sees, so that
 * it has a name there.
 */
#ifndef VMBUILD_GUEST_STREAMS_H
#define VMBUILD_GUEST_STREAMS_H

#include "guest/lib/fault.h"

/* Descriptors of one end; below 0: there is none. */
struct streams {
    int input, output, error;
};

#define STREAMS_NONE                                                                               \
    {                                                                                              \
        -1, -1, -1                                                                                 \
    }

enum streams_kind {
    STREAMS_MERGED,   /* one pipe for standard output and error */
    STREAMS_SEPARATE, /* two, which are watched (turns.h) */
    STREAMS_SESSION,  /* three, of which the outer end of the input does not block */
};

/* Makes the pipes. Returns 0, or -1 with errno; then those that were made are in INNER and OUTER,
 * too. */
int streams_make(enum streams_kind kind, struct streams *inner, struct streams *outer);

void streams_close(struct streams *streams);

/* Makes STREAMS the standard streams of this process. Without an input that is /dev/null, without
 * an error it is the output. Returns 0, or -1 with FAULT. */
int streams_connect(const struct streams *streams, struct fault *fault);

/* Makes a terminal of that size, and it the standard streams of this process. Returns its other
 * end, or -1 with FAULT. */
int streams_make_terminal(unsigned short rows, unsigned short columns, struct fault *fault);

/* Sends FD, or the message that there is none if it is below 0, through the socket CHANNEL. Returns
 * 0, or -1 with errno. */
int streams_hand_over(int channel, int fd);

/* Receives it. Returns the descriptor, or -1 if there is none. */
int streams_take_over(int channel);

#endif
