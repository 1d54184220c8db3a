/* A script as a program: which interpreter runs it, and what the user reads if that is missing. */
#ifndef VMBUILD_GUEST_PROGRAM_H
#define VMBUILD_GUEST_PROGRAM_H

#include <stdbool.h>

#include "guest/lib/fault.h"

#define PROGRAM_NOT_RUN 127 /* exit status, as a shell's */

/* Replaces the process by the job's file NAME. IN_IMAGE, its "#!" line names the interpreter, or
 * else it is /bin/sh -e; in the builder's environment it is busybox sh -e. If that fails, writes
 * the cause to standard error and exits with PROGRAM_NOT_RUN. */
__attribute__((noreturn)) void program_run(const char *name, bool in_image, char **environment);

#endif
