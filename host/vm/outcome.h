/*
 * How a script in the guest ended, and how much of a layer there is: the lines that the guest
 * returns for `run`, `hook` and `pack` (guest/contract.h), parsed strictly since the guest is not
 * trusted, and what they mean to the user.
 */
#ifndef VMBUILD_OUTCOME_H
#define VMBUILD_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/error.h"

struct outcome {
    enum { OUTCOME_EXITED, OUTCOME_KILLED, OUTCOME_TIMEOUT } end;
    int number;      /* exit status or signal; 0 for a timeout */
    uint64_t oom;    /* processes that the guest's kernel killed for want of memory */
    bool full;       /* the scratch disk had no room left at some time */
    uint64_t output; /* bytes written to the output port */
};

/* Parses LINE, which may end in one newline. Errors: EXIT_VM. */
[[nodiscard]] struct error *outcome_parse(const char *line, struct outcome *ret);

/* Parses LINE of `pack`: *RET are the layer's bytes. Errors: EXIT_VM. */
[[nodiscard]] struct error *outcome_parse_layer(const char *line, uint64_t *ret);

/* What OUTCOME of the script NAME with its limit of TIMEOUT seconds is to the user. Returns NULL
 * where the script succeeded, else EXIT_SCRIPT, or EXIT_TIMEOUT, EXIT_MEMORY, EXIT_DISK_FULL with
 * advice. */
[[nodiscard]] struct error *outcome_error(const struct outcome *outcome, const char *name,
                                          uint64_t timeout);

#endif
