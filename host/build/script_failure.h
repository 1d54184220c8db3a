/*
 * What a script's failure is to the user: which script, at which line, how it ended, the last that
 * it wrote, and, as far as these show it, the likely cause and what to do. Pure.
 */
#ifndef VMBUILD_SCRIPT_FAILURE_H
#define VMBUILD_SCRIPT_FAILURE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/vm/outcome.h"

struct script_run {
    const char *name; /* "runAsRoot" */
    const char *text; /* NULL: there is none, only what goes before it */
    bool in_image;    /* else it ran with the builder's tools */
    bool network;     /* it had one */
    uint64_t timeout; /* its limit, in seconds */
    double seconds;   /* that it took; 0: unknown */
    const char *tail; /* the last lines of its output */
};

/* Returns the error that OUTCOME of RUN is; NULL if the script succeeded. Errors: EXIT_SCRIPT ("run
 * script 'runAsRoot': line 3: it exited with status 7"), EXIT_TIMEOUT, EXIT_MEMORY, EXIT_DISK_FULL,
 * with the tail as details. */
[[nodiscard]] struct error *script_failure(const struct script_run *run,
                                           const struct outcome *outcome);

#endif
