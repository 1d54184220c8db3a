/*
 * How long a transfer to or from the guest may take, whatever its length: the guest has some time
 * at first, and more for each byte that passes, so that its rate has a floor and the whole transfer
 * a deadline. What the host takes for its own part, such as compressing a layer, does not count,
 * and neither does time in which the program is suspended. A guest that lets nothing pass at all is
 * given up earlier.
 *
 *   start -> guest's turn -> pace_host -> host's turn -> pace_guest -> guest's turn ... -> end
 *
 * The time is kept by the watchdog, which kills QEMU. All functions but pace_suspend are called by
 * one thread at a time.
 */
#ifndef VMBUILD_PACE_H
#define VMBUILD_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/vm/watchdog.h"

#define PACE_STALL_SECONDS 300              /* in which nothing passes */
#define PACE_FIRST_SECONDS 600              /* in addition to those for bytes */
#define PACE_LEAST_RATE (UINT64_C(1) << 20) /* bytes a second */

/* A zeroed one is at its end. */
struct pace {
    struct watchdog *watchdog; /* NULL at its end */
    int64_t turn;              /* milliseconds, when the guest's turn began; below 0: the host's */
    int64_t armed;             /* when the watchdog was */
    int64_t spent;             /* milliseconds of the guest's turns so far */
    uint64_t passed;           /* bytes so far */
    uint64_t passed_when_armed;
    int64_t suspended;            /* when the program was last */
    atomic_int_least64_t excused; /* milliseconds of suspension */
};

/* Starts a transfer with the guest's turn. WATCHDOG is armed until pace_end. */
void pace_start(struct pace *pace, struct watchdog *watchdog);

/* The host's turn begins, after LENGTH bytes have passed in the guest's. */
void pace_host(struct pace *pace, uint64_t length);

/* The guest's turn begins. */
void pace_guest(struct pace *pace);

/* The program is about to be suspended, or has been, in any thread: what is between the two calls
 * does not count. */
void pace_suspend(struct pace *pace, bool suspends);

/* Ends the transfer. WATCHDOG is left to the caller. */
void pace_end(struct pace *pace);

/* Returns the milliseconds that the guest has left of its turn at NOW (CLOCK_MONOTONIC), at most
 * those of PACE_STALL_SECONDS, below 0 if they are over. */
int64_t pace_left(const struct pace *pace, int64_t now);

/* Returns the error of OPERATION, whose transfer the watchdog has ended. */
[[nodiscard]] struct error *pace_error(const struct pace *pace, const char *operation);

#endif
