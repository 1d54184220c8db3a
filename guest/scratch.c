#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "contract.h"
#include "device.h"

#define FULL_BELOW (1u << 20) /* bytes: less than this is not worth calling room */

static const char *const folders[] = {
    GUEST_SCRATCH_LAYER,
    GUEST_SCRATCH_IMAGE,
    GUEST_SCRATCH_MNT,
    GUEST_SCRATCH_WORK,
};

int scratch_mount(struct fault *fault)
{
    char device[DEVICE_PATH_MAX];
    if (device_find_disk(GUEST_DISK_SCRATCH, device, fault)) {
        return -1;
    }
    /* The disk is thrown away: nothing on it has to survive a crash. */
    if (mount(device, GUEST_SCRATCH, "ext4", MS_NOATIME, "nobarrier,noinit_itable")) {
        return fault_set(fault, errno, "mount the scratch disk '%s'", device);
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        if (mkdir(folders[i], 0755)) {
            return fault_set(fault, errno, "make the folder '%s'", folders[i]);
        }
    }
    return 0;
}

static int touch(const char *folder, long mtime, struct fault *fault)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = mtime}};
    return utimensat(AT_FDCWD, folder, times, 0)
               ? fault_set(fault, errno, "set the times of '%s'", folder)
               : 0;
}

int scratch_touch(bool image_shown, struct fault *fault)
{
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        bool is_image = strcmp(folders[i], GUEST_SCRATCH_IMAGE) == 0;
        bool is_layer = strcmp(folders[i], GUEST_SCRATCH_LAYER) == 0;
        if (!(image_shown && is_image) &&
            touch(folders[i], image_shown && is_layer ? UTIME_OMIT : UTIME_NOW, fault)) {
            return -1;
        }
    }
    return touch(GUEST_SCRATCH, UTIME_NOW, fault);
}

bool scratch_is_full(void)
{
    struct statvfs status;
    if (statvfs(GUEST_SCRATCH, &status)) {
        return false;
    }
    return (unsigned long long)status.f_bavail * status.f_frsize < FULL_BELOW ||
           status.f_favail == 0;
}
