/*
 * The watchdog: kills QEMU if the guest does not answer in time. Calls of libguestfs take no
 * deadline, but return with an error once QEMU is gone; so a separate thread waits for the
 * deadline.
 *
 * States: idle <-> armed -> fired -> idle. If it fires before it knows the target, it kills it as
 * soon as it does. Seconds in which this process is stopped do not count. Functions may be called
 * from several threads.
 *
 * During a launch it is QEMU's own time that counts, so that a loaded host does not make a guest
 * late that works: of a second in which QEMU is not asleep, or in which the guest writes to its
 * console, only the processor time that QEMU gets. A guest that hangs uses up its time whether it
 * computes or sleeps. There is a limit by the clock as well, WATCHDOG_PATIENCE times as long.
 */
#ifndef VMBUILD_WATCHDOG_H
#define VMBUILD_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/lib/error.h"

#define WATCHDOG_PATIENCE 10

struct watchdog;

/* Starts the thread of an idle watchdog. *RET is freed with watchdog_free. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *watchdog_new(struct watchdog **ret);

/* Ends the thread; the target is left alone. Accepts NULL. */
void watchdog_free(struct watchdog *watchdog);

/* Sets the process to kill: PID, a running child of this process. */
void watchdog_set_target(struct watchdog *watchdog, pid_t pid);

/* Sets the deadline to SECONDS from now, also if it is armed already. */
void watchdog_arm(struct watchdog *watchdog, uint64_t seconds);

/* The same for a launch by the calling thread. SECONDS are of QEMU's own time. As long as no target
 * is set, it is what this thread starts from now on, and killed with its children. */
void watchdog_arm_launch(struct watchdog *watchdog, uint64_t seconds);

/* Tells it that the guest has written to its console. */
void watchdog_note_output(struct watchdog *watchdog);

/* Makes it idle. Returns whether it fired. */
bool watchdog_disarm(struct watchdog *watchdog);

/* Kills the target, if it is known, and its children now. */
void watchdog_kill(struct watchdog *watchdog);

#endif
