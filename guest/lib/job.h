/* The files of the job, as the host uploads them. They are kept in memory. */
#ifndef VMBUILD_GUEST_JOB_H
#define VMBUILD_GUEST_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/lib/fault.h"

#define JOB_ENVIRONMENT_MAX 4096 /* variables */

/* Opens GUEST_JOB_DIR/NAME, given as PATH, to be written anew. Returns a descriptor, or -1 with
 * FAULT where PATH is another place. */
int job_create(const char *path, struct fault *fault);

/* Whether the job has the file NAME. */
bool job_has(const char *name);

/* Reads an environment: a new array, ended by NULL, whose strings are all in (*RET)[0]'s memory. A
 * file that is missing is an empty environment. Returns 0, or -1 with FAULT. */
int job_environment(const char *name, char ***ret, struct fault *fault);

/* Copies the file NAME to the new file TO. Returns 0, or -1 with FAULT. */
int job_copy(const char *name, const char *to, unsigned mode, struct fault *fault);

#endif
