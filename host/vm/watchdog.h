/*
 * The watchdog: kills QEMU if the guest does not answer in time. Calls of libguestfs take no
 * deadline, but return with an error once QEMU is gone; so a separate thread waits for the
 * deadline.
 *
 * States: idle <-> armed -> fired -> idle. If it fires before it knows the target, it kills it as
 * soon as it does. Seconds in which this process is stopped do not count. Functions may be called
 * from several threads.
 */
#ifndef VMBUILD_WATCHDOG_H
#define VMBUILD_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/lib/error.h"

struct watchdog;

/* Starts the thread of an idle watchdog. *RET is freed with watchdog_free. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *watchdog_new(struct watchdog **ret);

/* Ends the thread; the target is left alone. Accepts NULL. */
void watchdog_free(struct watchdog *watchdog);

/* Sets the process to kill: PID, a running child of this process. */
void watchdog_set_target(struct watchdog *watchdog, pid_t pid);

/* Sets the deadline to SECONDS from now, also if it is armed already. */
void watchdog_arm(struct watchdog *watchdog, uint64_t seconds);

/* Makes it idle. Returns whether it fired. */
bool watchdog_disarm(struct watchdog *watchdog);

/* Kills the target now, if it is known. */
void watchdog_kill(struct watchdog *watchdog);

#endif
