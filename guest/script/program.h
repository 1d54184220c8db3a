/* A script as a program: which interpreter runs it, and what to say when there is none. */
#ifndef VMBUILD_GUEST_PROGRAM_H
#define VMBUILD_GUEST_PROGRAM_H

#include <stdbool.h>

#include "guest/lib/fault.h"

#define PROGRAM_NOT_RUN 127 /* exit status, as a shell's */

/* Replaces the process by the job's file NAME: IN_IMAGE, by its "#!" line, else /bin/sh -e; in the
 * builder's environment by busybox sh -e. Says on standard error why it could not. */
__attribute__((noreturn)) void program_run(const char *name, bool in_image, char **environment);

#endif
