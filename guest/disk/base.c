#include "guest/disk/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/device.h"
#include "guest/lib/worker.h"
#include "guest/tar/attributes.h"
#include "guest/tar/unpack.h"

#define PROGRESS_MS 250 /* between two reports */
#define COMPLETE BASE_FOLDER "/" GUEST_BASE_COMPLETE
#define INCOMPLETE BASE_FOLDER "/incomplete" /* the same file before */

struct layers {
    int *fds;
    size_t count;
};

/* What a worker unpacks. */
struct task {
    int fd;
    size_t number; /* of the layer, from 0 */
};

/* Done by a worker, since it chroots. */
static int unpack_layer(void *context, struct fault *fault)
{
    const struct task *task = context;

    if (chroot(BASE_TREE) || chdir("/"))
        return fault_set(fault, errno, "enter the base disk");
    if (unpack(task->fd, task->number == 0 ? UNPACK_LOWEST_LAYER : UNPACK_LAYER, fault) == 0)
        return 0;
    return unpack_is_disks_fault(fault->code)
               ? fault_prefix(fault, "unpack the base image: ")
               : fault_prefix(fault, GUEST_BAD_LAYER_PREFIX "%zu: ", task->number);
}

/* Opens the disks of the layers. What was opened is in RET even on failure. */
static int open_layers(char *const *serials, size_t count, struct layers *ret, struct fault *fault)
{
    ret->fds = calloc(count ? count : 1, sizeof *ret->fds);
    if (ret->fds == NULL)
        return fault_set(fault, ENOMEM, "open the base layers");
    if (count > 0 && device_scan_scsi(fault))
        return -1;
    for (; ret->count < count; ret->count++) {
        char device[DEVICE_PATH_MAX];

        if (device_find_disk(serials[ret->count], device, fault))
            return -1;
        /* The page cache would only cost time: each byte is read once. */
        int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);

        if (fd < 0)
            return fault_set(fault, errno, "open the disk '%s'", serials[ret->count]);
        ret->fds[ret->count] = fd;
    }
    return 0;
}

static void close_layers(struct layers *layers)
{
    for (size_t i = 0; i < layers->count; i++)
        close(layers->fds[i]);
    free(layers->fds);
}

static bool is_mounted; /* from the first use of the filled disk on */

static int mount_base(const char *serial, unsigned long flags, struct fault *fault)
{
    char device[DEVICE_PATH_MAX];

    if (device_find_disk(serial, device, fault))
        return -1;
    if ((mkdir(BASE_FOLDER, 0755) && errno != EEXIST) ||
        mount(device, BASE_FOLDER, "ext4", flags | MS_NOATIME, "nobarrier,noinit_itable"))
        return fault_set(fault, errno, "mount the base disk '%s'", device);
    return 0;
}

/* Returns how many bytes of the layers the worker has read: it shares the offsets of the files. */
static uint64_t count_read(const struct layers *layers)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < layers->count; i++) {
        off_t offset = lseek(layers->fds[i], 0, SEEK_CUR);

        sum += offset > 0 ? (uint64_t)offset : 0;
    }
    return sum;
}

static int unpack_with_progress(struct layers *layers, size_t index,
                                const struct base_source *source, struct fault *fault)
{
    struct task task = {layers->fds[index], source->first + index};
    struct worker worker;

    if (worker_start(&worker, unpack_layer, &task, -1, fault))
        return -1;
    while (!worker_is_over(&worker, PROGRESS_MS))
        source->progress(source->context, count_read(layers));
    return worker_wait(&worker, fault);
}

/* Makes the tree, unless it is there, and marks the disk as incomplete. The mark is one file, so
 * that it takes no other inode of a disk that has some layers already. */
static int begin(const struct base_source *source, struct fault *fault)
{
    /* If no layer has an entry for the root, its mtime must not depend on when it was made. */
    const struct timespec times[2] = {{0}, {0}};

    if (source->first > 0)
        return rename(COMPLETE, INCOMPLETE)
                   ? fault_set(fault, errno, "use the base disk: not complete")
                   : 0;
    if (mkdir(BASE_TREE, 0755) || chmod(BASE_TREE, 0755) ||
        utimensat(AT_FDCWD, BASE_TREE, times, 0))
        return fault_set(fault, errno, "create the directory '%s'", BASE_TREE);
    int fd = open(INCOMPLETE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    return fd < 0 || close(fd) ? fault_set(fault, errno, "create '%s'", INCOMPLETE) : 0;
}

/* Does what has to be done with the layer INDEX, the first and the last of which are more. */
static int fill(struct layers *layers, size_t index, const struct base_source *source,
                struct fault *fault)
{
    bool is_last = index + 1 >= layers->count;

    if (index == 0 && begin(source, fault))
        return -1;
    if (index < layers->count && unpack_with_progress(layers, index, source, fault))
        return -1;
    return is_last && rename(INCOMPLETE, COMPLETE)
               ? fault_set(fault, errno, "create '%s'", COMPLETE)
               : 0;
}

/* The same, from the mount of the disk to its unmount. */
static int fill_mounted(const char *base, struct layers *layers, size_t index,
                        const struct base_source *source, struct fault *fault)
{
    if (mount_base(base, 0, fault))
        return -1;
    int status = fill(layers, index, source, fault);

    return umount2(BASE_FOLDER, 0) && status == 0 ? fault_set(fault, errno, "unmount the base disk")
                                                  : status;
}

/* Makes the mounted disk writable, or read-only again with all that was written. */
static int remount_base(unsigned long flags, struct fault *fault)
{
    return mount(NULL, BASE_FOLDER, NULL, MS_REMOUNT | MS_NOATIME | flags, NULL)
               ? fault_set(fault, errno, "mount the base disk again")
               : 0;
}

int base_begin_layer(struct fault *fault)
{
    if (is_mounted ? remount_base(0, fault) : mount_base(GUEST_DISK_NEW_BASE, 0, fault))
        return -1;
    is_mounted = true;
    return rename(COMPLETE, INCOMPLETE) ? fault_set(fault, errno, "use the base disk: not complete")
                                        : 0;
}

int base_end_layer(bool is_whole, struct fault *fault)
{
    int status = is_whole && rename(INCOMPLETE, COMPLETE)
                     ? fault_set(fault, errno, "create '%s'", COMPLETE)
                     : 0;
    struct fault later;

    if (remount_base(MS_RDONLY, &later) == 0 || status)
        return status;
    *fault = later;
    return -1;
}

int base_unpack(const char *base, const struct base_source *source, struct fault *fault)
{
    struct layers layers = {0};
    int status = open_layers(source->layers, source->count, &layers, fault);

    for (size_t i = 0; status == 0 && (i == 0 || i < layers.count); i++)
        status = fill_mounted(base, &layers, i, source, fault);
    close_layers(&layers);
    /* Scripts must see the same disks as in a build that finds the base unpacked. */
    return status == 0 ? device_forget_layers(fault) : status;
}

/* Copies owner, mode, mtime and extended attributes of image/ to layer/, which is the root of the
 * merged view. */
static int copy_root(struct fault *fault)
{
    struct stat status;
    int image = open(GUEST_SCRATCH_IMAGE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int layer = open(GUEST_SCRATCH_LAYER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = image < 0 || layer < 0 || fstat(image, &status) || attributes_copy(image, layer);

    if (!failed) {
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, status.st_mtim};

        failed = futimens(layer, times);
    }
    if (failed)
        fault_set(fault, errno, "copy the attributes of the image's root");
    if (image >= 0)
        close(image);
    if (layer >= 0)
        close(layer);
    return failed ? -1 : 0;
}

int base_mount(const char *base, struct fault *fault)
{
    if (!is_mounted && mount_base(base, MS_RDONLY, fault))
        return -1;
    is_mounted = true;
    if (access(COMPLETE, F_OK))
        return fault_set(fault, errno, "use the base disk: not complete");
    if (mount(BASE_TREE, GUEST_SCRATCH_IMAGE, NULL, MS_BIND, NULL))
        return fault_set(fault, errno, "show the base disk at '%s'", GUEST_SCRATCH_IMAGE);
    return copy_root(fault);
}

int base_unmount(struct fault *fault)
{
    return umount2(GUEST_SCRATCH_IMAGE, 0) ? fault_set(fault, errno, "unmount the base image") : 0;
}
