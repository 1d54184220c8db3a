/*
 * The supervisor: what keeps the promise that nothing is left behind.
 *
 * The work runs in a child process that leads a process group of its own, in which QEMU and
 * libguestfs' helpers run too. The parent waits. On SIGINT, SIGQUIT, SIGTERM or SIGHUP (unless it
 * was ignored, as under nohup) it kills the group, reaps all that were in it (it is their
 * subreaper), removes the temporaries and returns 130 or 143. It does the same when the worker ends
 * by itself or is killed. Should the supervisor be killed, the worker is (PR_SET_PDEATHSIG), and
 * QEMU with it.
 */
#ifndef VMBUILD_SUPERVISOR_H
#define VMBUILD_SUPERVISOR_H

/* Runs WORK(ARGUMENT) in the child and waits for its end. Returns the exit code: WORK's, or one of
 * EXIT_INTERRUPTED, EXIT_TERMINATED, or EXIT_OTHER where the worker was killed by something else.
 */
int supervise(int (*work)(void *argument), void *argument);

#endif
