#include "guest/script/vault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/job.h"

#define VAULT "/run/vault"

int vault_open(struct fault *fault)
{
    if ((mkdir(VAULT, 0700) && errno != EEXIST) ||
        mount("secrets", VAULT, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
        return fault_set(fault, errno, "make room for the secrets");
    return 0;
}

int vault_show(const struct vault_file *file, const char *path, struct fault *fault)
{
    static unsigned count; /* one secret may be shown at several places */
    char copy[128];

    snprintf(copy, sizeof copy, "%s/%u", VAULT, count++);
    if (job_copy(file->name, copy, 0400, fault))
        return -1;
    return lchown(copy, file->uid, file->gid) || chmod(copy, file->mode) ||
                   mount(copy, path, NULL, MS_BIND, NULL)
               ? fault_set(fault, errno, "show a secret at '%s'", file->target)
               : 0;
}

/* NAME=VALUE of what was exported. */
static struct variable {
    const char *name;
    char *value;
} variables[GUEST_MOUNTS_MAX];
static size_t variable_count;

int vault_export(const char *name, const char *variable, struct fault *fault)
{
    char *value = job_read(name, fault);

    if (value == NULL)
        return -1;
    if (variable_count == GUEST_MOUNTS_MAX) {
        free(value);
        return fault_set(fault, E2BIG, "set the variable '%s'", variable);
    }
    variables[variable_count++] = (struct variable){variable, value};
    return 0;
}

int vault_set_variables(void)
{
    for (size_t i = 0; i < variable_count; i++)
        if (setenv(variables[i].name, variables[i].value, 1))
            return -1;
    return 0;
}

int vault_close(struct fault *fault)
{
    return umount2(VAULT, MNT_DETACH) ? fault_set(fault, errno, "close the secrets' directory") : 0;
}
