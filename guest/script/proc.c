#include "guest/script/proc.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/script/cpuinfo.h"

#define COVERS "/run/proc"

static int write_cmdline(FILE *to)
{
    return fputs("\n", to);
}

static const struct {
    const char *name;
    int (*write)(FILE *to); /* returns a negative number with errno on failure */
} covers[] = {
    {"cmdline", write_cmdline},
    {"cpuinfo", cpuinfo_write},
};

/* Mounts SOURCE read-only over the file PATH. Returns 0, or -1 with errno. */
static int cover(const char *source, const char *path)
{
    return mount(source, path, NULL, MS_BIND, NULL) ||
                   mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL)
               ? -1
               : 0;
}

/* Writes cover I anew and mounts it over the file of PROC. Returns 0, or -1 with errno. */
static int cover_file(const char *proc, size_t i)
{
    char source[PATH_MAX], path[PATH_MAX];

    snprintf(source, sizeof source, "%s/%s", COVERS, covers[i].name);
    snprintf(path, sizeof path, "%s/%s", proc, covers[i].name);
    FILE *file = fopen(source, "we");

    if (file == NULL)
        return -1;
    int status = covers[i].write(file);

    return fclose(file) || status < 0 || chmod(source, 0444) ? -1 : cover(source, path);
}

int proc_mount(const char *path, const char *target, struct fault *fault)
{
    char trigger[PATH_MAX];

    snprintf(trigger, sizeof trigger, "%s/sysrq-trigger", path);
    if (mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
        return fault_set(fault, errno, "mount '%s'", target);
    /* One write to it would end the VM. Not every kernel has it. */
    if (access(trigger, F_OK) == 0 && cover(trigger, trigger))
        return fault_set(fault, errno, "guard '%s/sysrq-trigger'", target);
    if (mkdir(COVERS, 0755) && errno != EEXIST)
        return fault_set(fault, errno, "create the directory '%s'", COVERS);
    for (size_t i = 0; i < sizeof covers / sizeof *covers; i++)
        if (cover_file(path, i))
            return fault_set(fault, errno, "cover '%s/%s'", target, covers[i].name);
    return 0;
}
