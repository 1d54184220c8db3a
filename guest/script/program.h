/*
 * A script, or a session of the user's, as a program: which interpreter or shell runs it, and what
 * the user reads if that is missing.
 */
#ifndef VMBUILD_GUEST_PROGRAM_H
#define VMBUILD_GUEST_PROGRAM_H

#include <stdbool.h>

#include "guest/lib/fault.h"

#define PROGRAM_NOT_RUN 127 /* exit status, as a shell's */
#define PROGRAM_NOT_ALLOWED 126

/* Replaces the process by the job's file NAME. IN_IMAGE, its "#!" line names the interpreter, or
 * else it is /bin/sh -e; in the builder's environment it is busybox sh -e. If that fails, writes
 * the cause to standard error and exits with PROGRAM_NOT_RUN. */
__attribute__((noreturn)) void program_run(const char *name, bool in_image, char **environment);

/* Replaces the process by a session: COMMAND, found by the PATH of ENVIRONMENT, or a shell if it is
 * NULL. IN_IMAGE and not RESCUE, that is the image's bash or sh, else the builder's busybox.
 * TERMINAL: its TERM, or NULL. If that fails, writes the cause to standard error and exits as a
 * shell does. */
__attribute__((noreturn)) void program_run_session(char **command, bool in_image, bool rescue,
                                                   const char *terminal, char **environment);

#endif
