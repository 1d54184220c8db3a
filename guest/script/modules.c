#include "guest/script/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FOLDER "/lib/modules"

/* What scripts see of it: a tmpfs takes what they write. */
#define SHOWN "/run/modules"
#define WRITTEN_OPTIONS "mode=0755,size=64m,nr_inodes=65536"

int modules_prepare(struct fault *fault)
{
    static const struct timespec times[2] = {0}; /* as those of the initramfs */
    char options[512];

    if (access(modules_folder(), F_OK))
        return 0; /* the initramfs has none */
    snprintf(options, sizeof options, "upperdir=" SHOWN "/upper,workdir=" SHOWN "/work,lowerdir=%s",
             modules_folder());
    if ((mkdir(SHOWN, 0755) && errno != EEXIST) ||
        mount("tmpfs", SHOWN, "tmpfs", MS_NOSUID | MS_NODEV, WRITTEN_OPTIONS) ||
        mkdir(SHOWN "/upper", 0755) || mkdir(SHOWN "/work", 0755) ||
        utimensat(AT_FDCWD, SHOWN "/upper", times, 0) ||
        mount("overlay", SHOWN, "overlay", MS_NOSUID | MS_NODEV | MS_NOATIME, options))
        return fault_set(fault, errno, "mount '%s'", SHOWN);
    return 0;
}

int modules_renew(struct fault *fault)
{
    if (access(modules_folder(), F_OK))
        return 0;
    for (int mounts = 0; mounts < 2; mounts++) /* the overlay, and the tmpfs below it */
        if (umount2(SHOWN, 0))
            return fault_set(fault, errno, "unmount '%s'", SHOWN);
    return modules_prepare(fault);
}

const char *modules_folder(void)
{
    static char folder[sizeof FOLDER "/" + sizeof(((struct utsname *)0)->release)];
    struct utsname kernel;

    if (folder[0] == '\0' && uname(&kernel) == 0)
        snprintf(folder, sizeof folder, FOLDER "/%s", kernel.release);
    return folder;
}

int modules_mount(const char *path, const char *target, struct fault *fault)
{
    return mount(SHOWN, path, NULL, MS_BIND, NULL) ? fault_set(fault, errno, "mount '%s'", target)
                                                   : 0;
}
