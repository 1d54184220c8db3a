/*
 * How a script in the guest ended, and how large a layer is: the lines that the guest returns for
 * `run`, `hook` and `pack` (guest/contract.h). They are parsed strictly, since the guest is not
 * trusted.
 */
#ifndef VMBUILD_OUTCOME_H
#define VMBUILD_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/error.h"

struct outcome {
    enum { OUTCOME_EXITED, OUTCOME_KILLED, OUTCOME_TIMEOUT } end;
    int number;           /* exit status or signal; 0 for a timeout */
    uint64_t oom;         /* processes that the guest's kernel killed for lack of memory */
    bool full;            /* the scratch disk was full at some time */
    uint64_t unreachable; /* connections and packets that no network could take */
    uint64_t line;        /* that the script's shell had read last, from 1; 0: unknown */
    uint64_t output;      /* bytes written to the output port */
};

/* Parses LINE, which may end in a newline. Errors: EXIT_VM. */
[[nodiscard]] struct error *outcome_parse(const char *line, struct outcome *ret);

/* Parses the LINE of `pack`: *RET is the size of the layer in bytes. Errors: EXIT_VM. */
[[nodiscard]] struct error *outcome_parse_layer(const char *line, uint64_t *ret);

#endif
