/*
 * Work in a process of its own: what handles hostile bytes or much memory must not take PID 1 with
 * it, and may chroot. The worker is no child of the script and has no access to the wire unless its
 * work is given it.
 */
#ifndef VMBUILD_GUEST_WORKER_H
#define VMBUILD_GUEST_WORKER_H

#include <sys/types.h>

#include "guest/lib/fault.h"

typedef int worker_function(void *context, struct fault *fault);

struct worker {
    pid_t pid;
    int report; /* read end */
};

/* Starts WORK(CONTEXT) with umask 0. CLOSED is a descriptor that the worker must not keep open, or
 * -1. Returns 0, or -1 with FAULT. */
int worker_start(struct worker *ret, worker_function *work, void *context, int closed,
                 struct fault *fault);

/* Waits for its end. Returns what the work did: 0, or -1 with FAULT. */
int worker_wait(struct worker *worker, struct fault *fault);

/* Both. */
int worker_run(worker_function *work, void *context, struct fault *fault);

/* Makes this process one that the kernel may kill for want of memory, as PID 1 may not be. */
void worker_become_killable(void);

#endif
