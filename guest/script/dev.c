#include "guest/script/dev.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/tar/tree.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Those that are always there. The loop devices need not exist yet: opening one creates it. */
static const struct {
    const char *name;
    mode_t mode; /* and type */
    unsigned major, minor;
} devices[] = {
    {"null", S_IFCHR | 0666, 1, 3},
    {"zero", S_IFCHR | 0666, 1, 5},
    {"full", S_IFCHR | 0666, 1, 7},
    {"random", S_IFCHR | 0666, 1, 8},
    {"urandom", S_IFCHR | 0666, 1, 9},
    {"tty", S_IFCHR | 0666, 5, 0},
    {"fuse", S_IFCHR | 0666, 10, 229},
    {"net/tun", S_IFCHR | 0666, 10, 200},
    {"loop0", S_IFBLK | 0660, 7, 0},
    {"loop1", S_IFBLK | 0660, 7, 1},
    {"loop2", S_IFBLK | 0660, 7, 2},
    {"loop3", S_IFBLK | 0660, 7, 3},
    {"loop4", S_IFBLK | 0660, 7, 4},
    {"loop5", S_IFBLK | 0660, 7, 5},
    {"loop6", S_IFBLK | 0660, 7, 6},
    {"loop7", S_IFBLK | 0660, 7, 7},
    {"loop-control", S_IFCHR | 0660, 10, 237},
    {"mapper/control", S_IFCHR | 0600, 10, 236},
    {"btrfs-control", S_IFCHR | 0600, 10, 234},
};

/* Block devices whose names begin so belong to scripts; the kernel creates and removes them. */
static const char *const script_devices[] = {"loop", "dm-"};

static const char *const device_folders[] = {"net", "mapper", "pts", "shm", "mqueue", "vmbuild"};

static const struct {
    const char *name;
    const char *target;
} device_links[] = {
    {"ptmx", "pts/ptmx"},          {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
};

static bool is_scripts_device(int dev, const char *name)
{
    struct stat status;

    for (size_t i = 0; i < COUNT(script_devices); i++)
        if (strncmp(name, script_devices[i], strlen(script_devices[i])) == 0)
            return fstatat(dev, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISBLK(status.st_mode);
    return false;
}

/* Removes everything that is not for scripts, and what an earlier one left. Returns 0, or -1 with
 * errno. */
static int clean(int dev)
{
    int copy = openat(dev, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    int status = stream != NULL ? 0 : -1;
    const struct dirent *entry;

    while (status == 0 && (entry = readdir(stream)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !is_scripts_device(dev, entry->d_name))
            status = tree_delete(dev, entry->d_name);
    if (stream != NULL)
        closedir(stream);
    return status;
}

/* Fills the /dev that is open as DEV. Returns 0, or -1 with errno. */
static int make_devices(int dev)
{
    if (clean(dev) || fchmod(dev, 0755))
        return -1;
    for (size_t i = 0; i < COUNT(device_folders); i++)
        if (mkdirat(dev, device_folders[i], 0755))
            return -1;
    for (size_t i = 0; i < COUNT(devices); i++) {
        dev_t number = makedev(devices[i].major, devices[i].minor);

        if ((mknodat(dev, devices[i].name, devices[i].mode, number) && errno != EEXIST) ||
            fchmodat(dev, devices[i].name, devices[i].mode & 07777, 0))
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

    /* Busy: that of init is one already. */
    if (mount("devtmpfs", path, "devtmpfs", MS_NOSUID, "mode=0755") && errno != EBUSY)
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
