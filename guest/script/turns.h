/*
 * The order in which a script writes to its two streams, which are pipes. A reader that comes later
 * finds bytes in both, and could not tell which came first.
 *
 * So the kernel is asked to queue a signal at each write (F_SETSIG of fcntl(2)). Real-time signals
 * keep their order and tell the pipe: each is a turn, at which that pipe is read. The pipes are of
 * packets (O_DIRECT of pipe(2)), so that one read returns one write, or PIPE_BUF bytes of it.
 *
 * Where that fails, only the order suffers: what a script writes to a pipe that it has opened anew
 * (/dev/stderr) may be read with what it wrote there later; a write of a multiple of PIPE_BUF bytes
 * may be read with the next one to the same pipe; and the kernel drops signals if there are too
 * many, so that what is left in the pipes has to be read when there is no turn.
 */
#ifndef VMBUILD_GUEST_TURNS_H
#define VMBUILD_GUEST_TURNS_H

#include <sys/types.h>

struct turns {
    int signals; /* a signalfd: readable if there is a turn */
    int current; /* the pipe whose turn it is, or below 0 */
};

#define TURNS_NONE                                                                                 \
    {                                                                                              \
        -1, -1                                                                                     \
    }

/* Gets ready, before any pipe is watched. Returns 0, or -1 with errno. */
int turns_start(struct turns *ret);

/* Watches the pipe of which FD, which no longer blocks then, is the end to read from. Returns 0, or
 * -1 with errno. */
int turns_watch(int fd);

/* Returns the pipe whose turn it is, or -1. */
int turns_take(struct turns *turns);

/* It was read, with what read(2) has returned. */
void turns_note(struct turns *turns, ssize_t got);

/* Forgets all turns; the pipes are closed. Accepts TURNS_NONE. */
void turns_end(struct turns *turns);

#endif
