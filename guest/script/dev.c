#include "guest/script/dev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned char type; /* 0: character */
    unsigned major, minor;
    mode_t mode;
} devices[] = {
    {"null", 0, 1, 3, 0666},    {"zero", 0, 1, 5, 0666},       {"full", 0, 1, 7, 0666},
    {"random", 0, 1, 8, 0666},  {"urandom", 0, 1, 9, 0666},    {"tty", 0, 5, 0, 0666},
    {"fuse", 0, 10, 229, 0666}, {"net/tun", 0, 10, 200, 0666}, {"loop-control", 0, 10, 237, 0660},
    {"loop0", 1, 7, 0, 0660},   {"loop1", 1, 7, 1, 0660},      {"loop2", 1, 7, 2, 0660},
    {"loop3", 1, 7, 3, 0660},   {"loop4", 1, 7, 4, 0660},      {"loop5", 1, 7, 5, 0660},
    {"loop6", 1, 7, 6, 0660},   {"loop7", 1, 7, 7, 0660},
};

static const char *const device_folders[] = {"net", "pts", "shm", "mqueue", "vmbuild"};

static const struct {
    const char *name;
    const char *target;
} device_links[] = {
    {"ptmx", "pts/ptmx"},          {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Fills the new /dev that is open as DEV. Returns 0, or -1 with errno. */
static int make_devices(int dev)
{
    for (size_t i = 0; i < COUNT(device_folders); i++)
        if (mkdirat(dev, device_folders[i], 0755))
            return -1;
    for (size_t i = 0; i < COUNT(devices); i++) {
        mode_t type = devices[i].type ? S_IFBLK : S_IFCHR;
        dev_t number = makedev(devices[i].major, devices[i].minor);

        if (mknodat(dev, devices[i].name, type | devices[i].mode, number) ||
            fchmodat(dev, devices[i].name, devices[i].mode, 0))
            return -1;
    }
    for (size_t i = 0; i < COUNT(device_links); i++)
        if (symlinkat(device_links[i].target, dev, device_links[i].name))
            return -1;
    return 0;
}

int dev_mount(const char *path, const char *target, struct fault *fault)
{
    static const struct {
        const char *folder, *type, *options;
        unsigned long flags;
    } inner[] = {
        {"pts", "devpts", "mode=0620,gid=5,ptmxmode=0666", MS_NOSUID | MS_NOEXEC},
        {"shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV},
        {"mqueue", "mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
    };

    if (mount("tmpfs", path, "tmpfs", MS_NOSUID, "mode=0755"))
        return fault_set(fault, errno, "mount '%s'", target);
    int dev = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dev < 0 || make_devices(dev)) {
        fault_set(fault, errno, "fill '%s'", target);
        if (dev >= 0)
            close(dev);
        return -1;
    }
    close(dev);
    for (size_t i = 0; i < COUNT(inner); i++) {
        char place[PATH_MAX];

        snprintf(place, sizeof place, "%s/%s", path, inner[i].folder);
        if (mount(inner[i].type, place, inner[i].type, inner[i].flags, inner[i].options))
            return fault_set(fault, errno, "mount '/dev/%s'", inner[i].folder);
    }
    return 0;
}
