/*
 * The watchdog: kills QEMU where the guest does not answer in time. A thread of its own waits for
 * the deadline, since the calls of libguestfs cannot be given one; once QEMU is gone, they return
 * with an error.
 *
 * States: idle <-> armed -> fired -> idle. One that fires before it knows QEMU kills it as soon as
 * it does.
 */
#ifndef VMBUILD_WATCHDOG_H
#define VMBUILD_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/lib/error.h"

struct watchdog;

/* Starts an idle one, with its thread. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *watchdog_new(struct watchdog **ret);
/* Ends its thread; the target stays as it is. */
void watchdog_free(struct watchdog *watchdog);

/* Whom to kill: PID, a running child of this process. */
void watchdog_set_target(struct watchdog *watchdog, pid_t pid);

/* Sets the deadline SECONDS from now; an armed one is moved. */
void watchdog_arm(struct watchdog *watchdog, uint64_t seconds);

/* Returns whether it fired. */
bool watchdog_disarm(struct watchdog *watchdog);

/* Kills the target now, where one is known. */
void watchdog_kill(struct watchdog *watchdog);

#endif
