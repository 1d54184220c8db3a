/*
 * Running a script or a session of the user's to its end: its output goes to the port as it comes,
 * a session's input comes from there (session_input.h), its time limit is enforced
 * (SIGTERM, and a second later SIGKILL), and what happened meanwhile is noticed: processes killed
 * for want of memory, a full disk.
 */
#ifndef VMBUILD_GUEST_SCRIPT_H
#define VMBUILD_GUEST_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/output.h"
#include "guest/script/sandbox.h"

struct outcome {
    bool timed_out;
    struct script_end end; /* its status means nothing if it timed out */
    uint64_t oom_kills;    /* processes */
    uint64_t unreachable;  /* what was sent where no network leads */
    bool disk_full;
};

/* Runs PLAN for at most as long as its words allow. Returns 0 whatever the script did, or -1 with
 * FAULT if it could not be started. */
int script_run(const struct sandbox_plan *plan, struct output *output, struct outcome *ret,
               struct fault *fault);

#endif
