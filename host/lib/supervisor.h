/*
 * The supervisor: it ensures that nothing is left behind.
 *
 * The work runs in a child process that leads a separate process group, in which QEMU and
 * libguestfs' helpers run too. The parent waits. On SIGINT, SIGQUIT, SIGTERM or SIGHUP (unless it
 * was ignored, as under nohup) it kills the group, reaps all processes in it (it is their
 * subreaper), removes the temporaries and returns 130 or 143. It does the same when the worker ends
 * by itself or is killed. If the supervisor is killed, so are the worker (PR_SET_PDEATHSIG) and
 * QEMU.
 */
#ifndef VMBUILD_SUPERVISOR_H
#define VMBUILD_SUPERVISOR_H

/* Runs WORK(ARGUMENT) in the child and waits for its end. Returns the exit code: WORK's, or one of
 * EXIT_INTERRUPTED, EXIT_TERMINATED, or EXIT_OTHER if something else killed the worker. */
int supervise(int (*work)(void *argument), void *argument);

#endif
