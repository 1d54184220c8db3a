/*
 * The files of the job: scripts, their environments, and what the network needs. The host uploads
 * them before the verbs that need them; they are kept in memory.
 */
#ifndef VMBUILD_GUEST_JOB_H
#define VMBUILD_GUEST_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/lib/fault.h"

#define JOB_LIST_MAX 65536 /* strings */

/* Creates the file PATH, or empties it. Returns a descriptor, or -1 with FAULT, also if PATH is not
 * GUEST_JOB_DIR/NAME. */
int job_create(const char *path, struct fault *fault);

/* Returns whether the job has the file NAME. */
bool job_has(const char *name);

/* Reads the file NAME as a list of strings, each ended by a NUL byte, such as an environment: *RET
 * is a new array, ended by NULL, whose strings all lie in the memory of (*RET)[0]; the caller frees
 * both. A missing file is an empty list. Returns 0, or -1 with FAULT. */
int job_list(const char *name, char ***ret, struct fault *fault);

/* Returns the bytes of the file NAME, followed by a NUL byte, in new memory, or NULL with FAULT. */
char *job_read(const char *name, struct fault *fault);

/* Replaces what is in the file NAME by what is in FROM, if that is a regular file and not too
 * large. Returns 0, or -1 with FAULT. */
int job_take_back(const char *name, const char *from, struct fault *fault);

/* Removes the file NAME, if there is one. */
void job_remove(const char *name);

/* Removes all files. Returns 0, or -1 with FAULT. */
int job_clear(struct fault *fault);

/* Copies the file NAME to the new file TO with MODE. Returns 0, or -1 with FAULT. */
int job_copy(const char *name, const char *to, unsigned mode, struct fault *fault);

#endif
