/*
 * A script, or a session of the user's, as a program: which interpreter or shell runs it, and what
 * the user reads if that is missing.
 */
#ifndef VMBUILD_GUEST_PROGRAM_H
#define VMBUILD_GUEST_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#include "guest/lib/fault.h"

#define PROGRAM_NOT_RUN 127 /* exit status, as a shell's */
#define PROGRAM_NOT_ALLOWED 126

#define PROGRAM_LINE_MAX 256 /* bytes of a "#!" line: the kernel's own limit */

/* How a script is run. */
struct program {
    const char *name; /* in the job */
    char path[PATH_MAX];
    char interpreter[PROGRAM_LINE_MAX];
    char argument[PROGRAM_LINE_MAX]; /* of the interpreter, or "" */
    bool has_line;                   /* the script begins with "#!" */
    bool is_shell;                   /* its interpreter is sh, dash, ash or bash */
};

/* Finds out how the job's file NAME is run. IN_IMAGE, its "#!" line names the interpreter, or else
 * it is /bin/sh -e; in the builder's environment it is busybox sh -e. To be called in the root
 * directory that it is run in. */
void program_find(const char *name, bool in_image, struct program *ret);

/* Replaces the process by PROGRAM; TRACED, a shell shows each command (-x). If that fails, writes
 * the cause to standard error and exits with PROGRAM_NOT_RUN. */
__attribute__((noreturn)) void program_run(const struct program *program, bool traced,
                                           char **environment);

/* Replaces the process by COMMAND, found by the PATH of ENVIRONMENT; TRACED, a shell with options
 * shows each command (-x). If that fails, writes the cause to standard error and exits as a shell
 * does. */
__attribute__((noreturn)) void program_run_command(char **command, bool traced, char **environment);

/* Replaces the process by a session: COMMAND, found by the PATH of ENVIRONMENT, or a shell if it is
 * NULL. IN_IMAGE and not RESCUE, that is the image's bash or sh, else the builder's busybox.
 * TERMINAL: its TERM, or NULL. If that fails, writes the cause to standard error and exits as a
 * shell does. */
__attribute__((noreturn)) void program_run_session(char **command, bool in_image, bool rescue,
                                                   const char *terminal, char **environment);

#endif
