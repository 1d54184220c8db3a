/*
 * The processes of a script. They have their own namespaces, in which PID 1 is a small init that
 * starts the script, reaps orphans, and ends when the script's main process does; the kernel then
 * kills all others. What a script does to "all processes", or with reboot(2), stays inside. A
 * cgroup limits their number, so that a fork bomb leaves the guest able to fork.
 *
 * A session of the user's has the same sandbox, with streams that lead both ways: pipes, or a
 * terminal, which is made inside, of the devpts that the session sees, and handed out.
 */
#ifndef VMBUILD_GUEST_SANDBOX_H
#define VMBUILD_GUEST_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "guest/lib/fault.h"
#include "guest/lib/words.h"
#include "guest/script/view.h"

struct sandbox_plan {
    const char *script;        /* its name in the job; NULL, and no command: do only what goes
                                  before a script */
    const struct view *view;   /* NULL: in the builder's environment */
    const char *directory;     /* where it starts; made if it is missing */
    const struct words *words; /* of the call */
    char **environment;
    bool own_network; /* with nothing but loopback */
    bool is_session;  /* of the user's, in place of the script */
    bool separate;    /* the script has two streams, which are watched (turns.h) */
    char **command;   /* in place of the script; NULL: of a session, a shell */
    const char *user; /* USER[:GROUP] in the image; NULL: root, as the process is */
};

/* A running sandbox. */
struct sandbox {
    pid_t pid;
    int channel; /* to its init; readable once the script has ended or failed */
    int output;  /* what the script writes: standard output and, unless there is ERROR, error */
    int error;   /* if it is separate, or of a session with pipes; else below 0 */
    int input;   /* what a session reads, which does not block; else below 0 */
    const unsigned long *line; /* see struct script_end; shared with the sandbox */
};

/* How a script ended. */
struct script_end {
    int status;         /* its wait status */
    unsigned long line; /* that a shell had read last, from 1; 0: unknown */
};

/* Makes the cgroup; once, at boot. Returns 0, or -1 with FAULT. */
int sandbox_set_up_cgroup(struct fault *fault);

/* Starts PLAN, which is not needed afterwards. Returns 0, or -1 with FAULT. */
int sandbox_start(const struct sandbox_plan *plan, struct sandbox *ret, struct fault *fault);

/* Send SIGTERM to all processes of SANDBOX, or kill them all. */
void sandbox_terminate(const struct sandbox *sandbox);
void sandbox_kill(const struct sandbox *sandbox);

/* Waits until all processes of SANDBOX have ended, and closes its channel; its streams stay open.
 * Returns 0, or -1 with FAULT if the script was not started. */
int sandbox_wait(struct sandbox *sandbox, struct script_end *ret, struct fault *fault);

#endif
