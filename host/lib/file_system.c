#include "host/lib/file_system.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

char *file_system_size(uint64_t size)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    for (; size >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        size /= 1024;
    return xasprintf("%llu %s", (unsigned long long)size, units[unit]);
}

/* Whether a file system is mounted on PATH, whose parent is PARENT. Before Linux 5.8, a directory
 * of the same file system mounted elsewhere is not told from its parent. */
static bool is_mount_point(const char *path, const char *parent)
{
    struct statx status, above;

    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status) < 0)
        return false;
    if (status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
        return status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
    return statx(AT_FDCWD, parent, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &above) == 0 &&
           (status.stx_dev_major != above.stx_dev_major ||
            status.stx_dev_minor != above.stx_dev_minor);
}

/* Shortens the absolute PATH to the mount point that it is below. */
static void find_mount_point(char *path)
{
    while (strcmp(path, "/") != 0) {
        CLEANUP(freep) char *parent = xstrdup(path);
        char *slash = strrchr(parent, '/');

        slash[slash == parent ? 1 : 0] = '\0';
        if (is_mount_point(path, parent))
            return;
        memcpy(path, parent, strlen(parent) + 1);
    }
}

char *file_system_describe(const char *path)
{
    CLEANUP(freep) char *mount_point = realpath(path, NULL);
    struct statvfs status;

    if (mount_point == NULL || statvfs(mount_point, &status) < 0)
        return xasprintf("the file system of '%s'", path);
    CLEANUP(freep) char *space = file_system_size((uint64_t)status.f_bavail * status.f_frsize);
    CLEANUP(freep) char *total = file_system_size((uint64_t)status.f_blocks * status.f_frsize);

    find_mount_point(mount_point);
    if (status.f_favail == 0 && status.f_files > 0)
        return xasprintf("the file system mounted on '%s' has no free inode, and %s free of %s",
                         mount_point, space, total);
    return xasprintf("the file system mounted on '%s' has %s free of %s", mount_point, space,
                     total);
}

struct error *file_system_explain(struct error *err, const char *path)
{
    if (err == NULL || err->code != EXIT_DISK_FULL)
        return err;
    CLEANUP(freep) char *description = file_system_describe(path);
    char *message = xasprintf("%s; %s", err->message, description);

    free(err->message);
    err->message = message;
    return err;
}
