/*
 * The guest's wall clock. It is set and then runs, or it is held, so that everything that happens
 * meanwhile gets times of the same second. The kernel's clock cannot be stopped, so a separate
 * process, the keeper, sets it back every CLOCK_HOLD_MS. (The clocks that measure intervals always
 * run.)
 *
 * A held clock goes back by so much each time, and a program that waits for a later time of day
 * waits for ever.
 */
#ifndef VMBUILD_GUEST_CLOCK_H
#define VMBUILD_GUEST_CLOCK_H

#include <stdint.h>

#include "guest/lib/fault.h"

#define CLOCK_HOLD_MS 50

/* Makes it run from SECONDS since 1970. Returns 0, or -1 with FAULT. */
int clock_run(int64_t seconds, struct fault *fault);

/* Holds it at SECONDS since 1970. Returns 0, or -1 with FAULT. */
int clock_hold(int64_t seconds, struct fault *fault);

#endif
