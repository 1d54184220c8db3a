#include "guest/script/vault.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "guest/lib/job.h"

#define VAULT "/run/vault"

int vault_open(struct fault *fault)
{
    if ((mkdir(VAULT, 0700) && errno != EEXIST) ||
        mount("secrets", VAULT, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
        return fault_set(fault, errno, "make room for the secrets");
    return 0;
}

int vault_show(const char *name, const char *path, const char *target, struct fault *fault)
{
    char file[128];

    snprintf(file, sizeof file, "%s/%s", VAULT, name);
    if (job_copy(name, file, 0400, fault))
        return -1;
    return mount(file, path, NULL, MS_BIND, NULL)
               ? fault_set(fault, errno, "show a secret at '%s'", target)
               : 0;
}

int vault_close(struct fault *fault)
{
    return umount2(VAULT, MNT_DETACH) ? fault_set(fault, errno, "close the secrets' directory") : 0;
}
