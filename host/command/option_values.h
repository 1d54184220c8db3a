/*
 * Options whose values are texts on the command line and something else to the commands: sizes,
 * ages, numbers of jobs, what follows a failure.
 */
#ifndef VMBUILD_OPTION_VALUES_H
#define VMBUILD_OPTION_VALUES_H

#include <stdint.h>

#include "host/command/options.h"
#include "host/lib/error.h"

/* Sets the members of OPTIONS, whose command is known, that the environment gives a default: what
 * VMBUILD_ACCEL names. Errors: EXIT_USAGE. */
[[nodiscard]] struct error *option_values_default(struct options *options);

/* Reads them, and sets the members of OPTIONS that have what they mean. Errors: EXIT_USAGE. */
[[nodiscard]] struct error *option_values_read(struct options *options);

/* Sets *RET to the bytes of TEXT, a number of MiB, which was given as --OPTION. Errors:
 * EXIT_USAGE. */
[[nodiscard]] struct error *option_values_read_mib(const char *option, const char *text,
                                                   uint64_t *ret);

#endif
