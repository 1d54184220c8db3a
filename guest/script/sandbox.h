/*
 * The processes of a script: namespaces of their own, with a small init as PID 1 of theirs, which
 * starts the script, reaps orphans, and ends when the script's main process does; the kernel then
 * kills all the others. What a script does to "all processes", or with reboot(2), stays inside.
 * They share a cgroup that bounds their number, so that a fork bomb leaves the guest able to fork.
 */
#ifndef VMBUILD_GUEST_SANDBOX_H
#define VMBUILD_GUEST_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "guest/lib/fault.h"
#include "guest/lib/words.h"
#include "guest/script/view.h"

struct sandbox_plan {
    const char *script;      /* its name in the job; NULL: only what goes before a script is done */
    const struct view *view; /* NULL: in the builder's environment */
    const char *directory;   /* where it starts */
    const struct words *words; /* of the call that it is run for */
    char **environment;
    bool own_network; /* one with loopback alone */
};

/* A running one. */
struct sandbox {
    pid_t pid;
    int channel; /* reports of its init; readable once it has ended or failed */
    int output;  /* read end of the script's standard output and error */
};

/* Makes the cgroup. Once, at boot. Returns 0, or -1 with FAULT. */
int sandbox_set_up_cgroup(struct fault *fault);

/* Starts PLAN, which may be freed then. Returns 0, or -1 with FAULT. */
int sandbox_start(const struct sandbox_plan *plan, struct sandbox *ret, struct fault *fault);

/* Sends SIGTERM to all of its processes; kills them all. */
void sandbox_terminate(const struct sandbox *sandbox);
void sandbox_kill(const struct sandbox *sandbox);

/* Waits until all of its processes have ended. *RET_STATUS is the script's own wait status. Returns
 * 0, or -1 with FAULT where the script was never started. Closes the channel; the output stays
 * open. */
int sandbox_wait(struct sandbox *sandbox, int *ret_status, struct fault *fault);

#endif
