#include "guest/script/nested_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/script/points.h"

bool nested_mount_is(const struct view *view, const struct view_mount *mount)
{
    for (const struct view_mount *other = view->mounts; mount->own != NULL && other != mount;
         other++) {
        size_t length = strlen(other->target);

        if (strncmp(mount->target, other->target, length) == 0 && mount->target[length] == '/')
            return true;
    }
    return false;
}

/* Opens PATH as a process would whose root directory is ROOT. Returns a descriptor, or -1 with
 * errno. */
static int open_in(const char *root, const char *path, uint64_t flags)
{
    const struct open_how how = {.flags = flags,
                                 .mode = (flags & O_CREAT) != 0 ? 0644 : 0,
                                 .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = folder < 0 ? -1 : (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
    int cause = errno;

    if (folder >= 0)
        close(folder);
    errno = cause;
    return fd;
}

/* Makes the place of MOUNT in the one that it lies in, as far as that can be written. */
static void make_place(const struct view_mount *mount)
{
    char path[PATH_MAX];

    if (!mount->is_file) {
        (void)points_make(GUEST_SCRATCH_MNT, mount->target + 1);
        return;
    }
    snprintf(path, sizeof path, "%s", mount->target + 1);
    *strrchr(path, '/') = '\0'; /* it is in another one */
    (void)points_make(GUEST_SCRATCH_MNT, path);
    int fd = open_in(GUEST_SCRATCH_MNT, mount->target, O_WRONLY | O_CREAT | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
}

int nested_mount_make(const struct view_mount *mount, struct fault *fault)
{
    char link[64], path[PATH_MAX];

    make_place(mount);
    int fd = open_in(GUEST_SCRATCH_MNT, mount->target, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return fault_set(fault, errno, "create a mount point for '%s'", mount->target);
    /* The path of the place, and not the link that leads there: what is mounted is changed by it
     * afterwards, and the link would lead to what lies below. */
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);

    close(fd);
    if (length < 0 || length == sizeof path - 1)
        return fault_set(fault, length < 0 ? errno : ENAMETOOLONG, "mount at '%s'", mount->target);
    path[length] = '\0';
    return mount->mount(mount, path, fault);
}
