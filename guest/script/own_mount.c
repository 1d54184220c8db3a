#include "guest/script/own_mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/device.h"
#include "guest/script/vault.h"

/* Without a mode of its own, it has that of the directory that it covers, as with runc. */
static int mount_tmpfs(const struct view_mount *mounted, const char *path, struct fault *fault)
{
    const struct mount_word *own = mounted->own;
    char options[128], size[32] = "";
    mode_t mode = own->mode;
    struct stat status;

    if (!own->has_mode)
        mode = mounted->is_point || stat(path, &status) ? 01777 : status.st_mode & 07777;
    if (own->size > 0)
        snprintf(size, sizeof size, ",size=%llu", (unsigned long long)own->size);
    snprintf(options, sizeof options, "mode=%o,uid=%u,gid=%u%s", mode, own->uid, own->gid, size);
    return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options)
               ? fault_set(fault, errno, "mount a tmpfs at '%s'", mounted->target)
               : 0;
}

/* Fills RET, of PATH_MAX bytes, with the path of what OWN, a bind, shows. */
static void find_part(const struct mount_word *own, char *ret)
{
    snprintf(ret, PATH_MAX, "%s/%u/%s", GUEST_SCRATCH_MOUNTS, own->part, GUEST_MOUNT_TREE);
}

static int mount_part(const struct view_mount *mounted, const char *path, struct fault *fault)
{
    unsigned long flags = MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV;
    char part[PATH_MAX];

    find_part(mounted->own, part);
    if (!mounted->own->is_writable)
        flags |= MS_RDONLY;
    return mount(part, path, NULL, MS_BIND, NULL) || mount(NULL, path, NULL, flags, NULL)
               ? fault_set(fault, errno, "mount at '%s'", mounted->target)
               : 0;
}

int own_mount_secret(const struct view_mount *mounted, const char *path, struct fault *fault)
{
    const struct mount_word *own = mounted->own;
    const struct vault_file file = {.name = mounted->source,
                                    .target = mounted->target,
                                    .mode = own != NULL && own->has_mode ? own->mode : 0400,
                                    .uid = own != NULL ? own->uid : 0,
                                    .gid = own != NULL ? own->gid : 0};

    return vault_show(&file, path, fault);
}

/* Whether the directory PATH has nothing in it. */
static bool is_empty(const char *path)
{
    DIR *stream = opendir(path);
    const struct dirent *entry;
    bool is = stream != NULL;

    while (is && (entry = readdir(stream)) != NULL)
        is = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (stream != NULL)
        closedir(stream);
    return is;
}

/* Another guest may have written anything to the disk. */
static int mount_cache(const struct view_mount *mounted, const char *path, struct fault *fault)
{
    const struct mount_word *own = mounted->own;
    char device[DEVICE_PATH_MAX];

    if (device_find_disk(own->disk, device, fault))
        return -1;
    if (mount(device, path, "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, "noinit_itable"))
        return fault_set(fault, errno, "mount the cache at '%s'", mounted->target);
    if (is_empty(path) &&
        (chown(path, own->uid, own->gid) || chmod(path, own->has_mode ? own->mode : 0755)))
        return fault_set(fault, errno, "set up the cache at '%s'", mounted->target);
    return 0;
}

int own_mount_plan(const struct mount_word *own, struct view_mount *ret, struct fault *fault)
{
    static int (*const mounts[])(const struct view_mount *, const char *,
                                 struct fault *) = {[MOUNT_TMPFS] = mount_tmpfs,
                                                    [MOUNT_SECRET] = own_mount_secret,
                                                    [MOUNT_BIND] = mount_part,
                                                    [MOUNT_CACHE] = mount_cache};
    char part[PATH_MAX];
    struct stat status;
    bool is_file = own->kind == MOUNT_SECRET;

    if (own->kind == MOUNT_BIND) {
        find_part(own, part);
        if (lstat(part, &status))
            return fault_set(fault, errno, "find what is mounted at '%s'", own->target);
        is_file = !S_ISDIR(status.st_mode);
    }
    *ret = (struct view_mount){.target = own->target,
                               .source = own->file,
                               .own = own,
                               .mount = mounts[own->kind],
                               .is_file = is_file};
    return 0;
}
