/*
 * The supervisor: it ensures that nothing is left behind.
 *
 * The work runs in a child process that leads a separate process group, in which QEMU and
 * libguestfs' helpers run too. The parent waits. On a signal that would end it, such as SIGINT,
 * SIGTERM, or the SIGUSR1 or SIGXCPU by which a batch system warns, it kills the group, reaps all
 * processes in it (it is their subreaper), removes the temporaries and returns 130 or 143, or 6
 * after SIGXFSZ. Signals that were ignored, as SIGHUP is under nohup, stay so. It does the same
 * when the worker ends by itself or is killed. If the supervisor is killed, so are the worker
 * (PR_SET_PDEATHSIG) and QEMU (parent_death.h); the next build removes the temporaries
 * (temporary.h).
 *
 * On SIGTSTP it first lets the worker prepare, then stops with the group until SIGCONT.
 */
#ifndef VMBUILD_SUPERVISOR_H
#define VMBUILD_SUPERVISOR_H

#include <stdbool.h>

/* Starts the thread in the worker that makes the calls below, and blocks their signals in this one
 * and those that it starts from now on; to be called before there are others. A further call does
 * nothing. Until then SIGTSTP simply stops the worker. */
void supervisor_prepare_suspension(void);

/* Sets what is called in the worker, in another thread, before the program is suspended by SIGTSTP,
 * and after SIGCONT. CHANGE may be NULL: nothing. When this returns, the earlier one is not being
 * called and will not be. */
void supervisor_on_suspend(void (*change)(void *context, bool suspends), void *context);

/* Added to an exit status of the user's own program, which WORK returns: it means nothing to the
 * supervisor, whatever it is. */
#define SUPERVISOR_PASSES_ON 0x100

/* Runs WORK(ARGUMENT) in the child and waits for its end; if it returns EXIT_AGAIN, in further
 * children, at most nine. A worker that has confined itself cannot do its work once more. Returns
 * what WORK has returned, or one of EXIT_INTERRUPTED, EXIT_TERMINATED and EXIT_DISK_FULL, or
 * EXIT_OTHER if something else killed the worker. */
int supervise(int (*work)(void *argument), void *argument);

#endif
