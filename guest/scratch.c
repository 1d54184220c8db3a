#include "scratch.h"

#include <errno.h>
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

int scratch_mount(const char *serial, bool trim, struct fault *fault)
{
    char device[DEVICE_PATH_MAX];
    if (device_find_disk(serial, device, fault)) {
        return -1;
    }
    /* The disk is thrown away: nothing on it has to survive a crash. */
    const char *options = trim ? "nobarrier,noinit_itable,discard" : "nobarrier,noinit_itable";
    if (mount(device, GUEST_SCRATCH, "ext4", MS_NOATIME, options)) {
        return fault_set(fault, errno, "mount the scratch disk '%s'", device);
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        if (mkdir(folders[i], 0755)) {
            return fault_set(fault, errno, "make the folder '%s'", folders[i]);
        }
    }
    return 0;
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
