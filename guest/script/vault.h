/*
 * The vault: where the secrets of a script lie, a file system in memory that is mounted in the
 * script's mount namespace alone and ends with it. Each secret is a file of root's with mode 0400,
 * shown at its target. It is the script's own copy: what the script makes of it goes nowhere.
 */
#ifndef VMBUILD_GUEST_VAULT_H
#define VMBUILD_GUEST_VAULT_H

#include "guest/lib/fault.h"

/* Mounts the vault, empty. To be called in the namespaces of the script. Returns 0, or -1 with
 * FAULT. */
int vault_open(struct fault *fault);

/* Copies the job's file NAME into the vault and shows it at PATH, an existing file, which the user
 * named TARGET. Returns 0, or -1 with FAULT. */
int vault_show(const char *name, const char *path, const char *target, struct fault *fault);

/* Takes the vault itself out of sight; what is shown of it stays. Returns 0, or -1 with FAULT. */
int vault_close(struct fault *fault);

#endif
