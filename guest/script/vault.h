/*
 * The vault: where the secrets of a script lie, a file system in memory that is mounted in the
 * script's mount namespace alone and ends with it. Each secret is a file, shown at its target, or a
 * variable, which is kept by the processes of the script alone. It is the script's own copy: what
 * the script makes of it goes nowhere.
 */
#ifndef VMBUILD_GUEST_VAULT_H
#define VMBUILD_GUEST_VAULT_H

#include <sys/types.h>

#include "guest/lib/fault.h"

/* Mounts the vault, empty. To be called in the namespaces of the script. Returns 0, or -1 with
 * FAULT. */
int vault_open(struct fault *fault);

/* How a secret is shown. */
struct vault_file {
    const char *name;   /* of the job's file */
    const char *target; /* as the user named it */
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

/* Copies FILE into the vault and shows it at PATH, an existing file. Returns 0, or -1 with
 * FAULT. */
int vault_show(const struct vault_file *file, const char *path, struct fault *fault);

/* Keeps the bytes of the job's file NAME, up to a NUL byte, as the environment variable VARIABLE.
 * Returns 0, or -1 with FAULT. */
int vault_export(const char *name, const char *variable, struct fault *fault);

/* Sets what was exported in the environment of the process. Returns 0, or -1 with errno. */
int vault_set_variables(void);

/* Takes the vault itself out of sight; what is shown of it stays. Returns 0, or -1 with FAULT. */
int vault_close(struct fault *fault);

#endif
