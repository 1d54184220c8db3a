/*
 * What scripts write, on its way from the guest's output port: masked, shown to the user
 * (lib/progress.h), and kept in the log and for the error of a script that fails.
 *
 * If their streams are told apart, it arrives in frames, and each stream is shown by itself. Both
 * are kept in their order, as if they were one. Thread-safe.
 */
#ifndef VMBUILD_SCRIPT_OUTPUT_H
#define VMBUILD_SCRIPT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/log_file.h"
#include "host/lib/secret.h"

struct script_output;

struct script_output_plan {
    const struct secrets *secrets; /* to be masked; or NULL */
    struct log_file *log;          /* or NULL */
    bool tells_streams;
};

/* Never returns NULL. All of PLAN is borrowed until script_output_free. */
struct script_output *script_output_new(const struct script_output_plan *plan);

/* Takes the next LENGTH bytes from the port. Errors: EXIT_VM if they are not valid, which
 * script_output_is_valid tells from then on; EXIT_OTHER if the log cannot be kept, of which
 * log_file_take_error has the cause. */
[[nodiscard]] struct error *script_output_write(struct script_output *output, const void *bytes,
                                                size_t length);

/* Shows what was held back, since a secret could begin with it: the script has ended. If the log
 * cannot be kept, log_file_finish reports it. */
void script_output_end(struct script_output *output);

bool script_output_is_valid(struct script_output *output);

/* Returns the last lines since the last call; the caller's. */
char *script_output_take_tail(struct script_output *output);

/* Accepts NULL. */
void script_output_free(struct script_output *output);

#endif
