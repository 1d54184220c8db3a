/*
 * Work in a separate process: what handles hostile bytes or much memory must not take PID 1 with
 * it, and may chroot. If it fails, it passes its fault to init through a pipe.
 */
#ifndef VMBUILD_GUEST_WORKER_H
#define VMBUILD_GUEST_WORKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "guest/lib/fault.h"

typedef int worker_function(void *context, struct fault *fault);

struct worker {
    pid_t pid;
    int report; /* read end */
};

/* Starts WORK(CONTEXT) with umask 0. CLOSED is a descriptor that is closed in the worker, or -1.
 * Returns 0, or -1 with FAULT. */
int worker_start(struct worker *ret, worker_function *work, void *context, int closed,
                 struct fault *fault);

/* Waits at most MILLISECONDS for WORKER. Returns whether worker_wait would not have to. */
bool worker_is_over(const struct worker *worker, int milliseconds);

/* Waits for the end of WORKER. Returns what its work did: 0, or -1 with FAULT. */
int worker_wait(struct worker *worker, struct fault *fault);

/* Starts WORK and waits for its end. */
int worker_run(worker_function *work, void *context, struct fault *fault);

/* Lets the kernel kill this process if memory is short, which PID 1 is protected from. */
void worker_become_killable(void);

#endif
