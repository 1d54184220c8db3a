/*
 * How far a shell has read its script, and so at which line it is. A shell reads the next line of a
 * script only when the commands before it have ended. It reads a file in large pieces, but from a
 * FIFO it gets no more than was written; so there is a FIFO at the script's path while the shell
 * opens it, into which the script is written line by line, each when the one before was taken. Bash
 * reads a FIFO byte by byte, which wakes whoever waits for the FIFO's being empty at each; so bash
 * gets the script as a whole, and how much of it is left is looked at now and then.
 *
 * To the script nothing changes: as soon as the shell has opened the FIFO, and before it can read
 * from it, the file itself is at its path again. All that can be told is the kind of the shell's
 * own descriptor.
 *
 * States: waiting (for the shell to open the FIFO) -> fed by lines, or as a whole -> done. Whatever
 * fails on the way makes the line unknown, and nothing else.
 */
#ifndef VMBUILD_GUEST_FEED_H
#define VMBUILD_GUEST_FEED_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

struct feed {
    char path[PATH_MAX]; /* of the script */
    char *text;          /* all of it, or NULL */
    size_t length;
    pid_t shell;             /* set by the caller, once it has started it */
    size_t written;          /* bytes */
    size_t piece;            /* of these, those that were written last; by lines */
    size_t taken;            /* of these, those that the shell has read; as a whole */
    unsigned long line;      /* that the shell has read last, from 1; 0: none */
    unsigned long next_line; /* that is in the FIFO, or was last; by lines */
    int fifo;                /* to write to, or -1 */
    int left;                /* the same FIFO to look at, if it is fed as a whole; or -1 */
    int ready;               /* the FIFO if it is to be waited for; or -1 */
    int milliseconds;        /* until the next look, or -1 */
};

#define FEED_NONE ((struct feed){.fifo = -1, .left = -1, .ready = -1, .milliseconds = -1})

/* Puts a FIFO in the place of the file PATH, which is a shell's script. If that fails, there is
 * nothing to feed, and the shell reads the file. */
void feed_prepare(struct feed *feed, const char *path);

/* Looks whether the shell has opened the FIFO, how far it has read, or writes to it. To be called
 * whenever FEED->ready is ready for output, and after FEED->milliseconds. */
void feed_serve(struct feed *feed);

/* Ends feeding; the file is at its path again, and FEED->line is final. */
void feed_end(struct feed *feed);

#endif
