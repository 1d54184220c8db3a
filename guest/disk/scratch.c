#include "guest/disk/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/device.h"

#define FULL_BELOW (1u << 20) /* bytes: less than this counts as none */

/* The disk is discarded: nothing on it has to survive a crash. So its journal is written when it is
 * full, and data when the kernel needs the memory or after half a minute, but not when a truncated
 * file is closed or a file is renamed over another. */
#define OPTIONS "nobarrier,noinit_itable,noauto_da_alloc,data=writeback,commit=100000"

static const char *const folders[] = {
    GUEST_SCRATCH_LAYER,
    GUEST_SCRATCH_IMAGE,
    GUEST_SCRATCH_MNT,
    GUEST_SCRATCH_WORK,
};

static bool was_used; /* by an earlier VM, whose failed step goes on */

int scratch_mount(struct fault *fault)
{
    char device[DEVICE_PATH_MAX];

    if (device_find_disk(GUEST_DISK_SCRATCH, device, fault))
        return -1;
    if (mount(device, GUEST_SCRATCH, "ext4", MS_NOATIME, OPTIONS))
        return fault_set(fault, errno, "mount the scratch disk '%s'", device);
    /* Set exactly, since the clock, though held, is some ticks ahead. */
    const struct timespec times[2] = {{.tv_sec = GUEST_CLOCK_LEAST}, {.tv_sec = GUEST_CLOCK_LEAST}};

    was_used = access(GUEST_SCRATCH_LAYER, F_OK) == 0;
    if (was_used)
        return 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (mkdir(folders[i], 0755) || utimensat(AT_FDCWD, folders[i], times, 0))
            return fault_set(fault, errno, "create the directory '%s'", folders[i]);
    return 0;
}

int scratch_unmount(struct fault *fault)
{
    return umount2(GUEST_SCRATCH, 0) ? fault_set(fault, errno, "unmount the scratch disk") : 0;
}

int scratch_touch_layer(bool merged, struct fault *fault)
{
    if (was_used)
        return 0;
    const char *layer = merged ? GUEST_SCRATCH_MNT : GUEST_SCRATCH_LAYER;
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW},
                                      {.tv_nsec = merged ? UTIME_OMIT : UTIME_NOW}};

    return utimensat(AT_FDCWD, layer, times, 0)
               ? fault_set(fault, errno, "set the times of '%s'", layer)
               : 0;
}

bool scratch_is_full(void)
{
    struct statvfs status;

    if (statvfs(GUEST_SCRATCH, &status))
        return false;
    return (unsigned long long)status.f_bavail * status.f_frsize < FULL_BELOW ||
           status.f_favail == 0;
}
