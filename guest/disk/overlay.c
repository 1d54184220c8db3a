#include "guest/disk/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/tar/tree.h"

/*
 * The layer must hold whole files under their own names, so that it can be packed from the upper
 * directory alone: no redirects, no metadata-only copies. "volatile" omits each sync of the upper
 * file system, which is discarded with the VM; dpkg alone makes thousands.
 */
#define OPTIONS                                                                                    \
    "upperdir=" GUEST_SCRATCH_LAYER ",workdir=" GUEST_SCRATCH_WORK                                 \
    ",redirect_dir=off,metacopy=off,index=off,xino=off,volatile,lowerdir="

/* From Linux 6.6 on, each overlay has a random UUID, which statfs(2) shows a script, unless it is
 * told to have none. */
static const char *uuid_option(void)
{
    struct utsname kernel;
    unsigned major = 0, minor = 0;

    if (uname(&kernel) || sscanf(kernel.release, "%u.%u", &major, &minor) != 2)
        return "";
    return major > 6 || (major == 6 && minor >= 6) ? "uuid=null," : "";
}

/* A volatile mount marks its work directory to keep it from being used again after a crash. */
static int empty_work(struct fault *fault)
{
    int work = open(GUEST_SCRATCH_WORK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = work < 0 || tree_empty(work)
                     ? fault_set(fault, errno, "empty '%s'", GUEST_SCRATCH_WORK)
                     : 0;

    if (work >= 0)
        close(work);
    return status;
}

int overlay_mount_with(const char *above, const char *below, struct fault *fault)
{
    char options[512];

    if (empty_work(fault))
        return -1;
    snprintf(options, sizeof options, "%s%s%s%s%s%s%s", uuid_option(), OPTIONS,
             above != NULL ? above : "", above != NULL ? ":" : "", GUEST_SCRATCH_IMAGE,
             below != NULL ? ":" : "", below != NULL ? below : "");
    if (mount("overlay", GUEST_SCRATCH_MNT, "overlay", MS_NOATIME, options))
        return fault_set(fault, errno, "mount the overlay at '%s'", GUEST_SCRATCH_MNT);
    return 0;
}

int overlay_show(bool *mounted, bool wanted, struct fault *fault)
{
    if (*mounted == wanted)
        return 0;
    if (wanted && overlay_mount_with(NULL, NULL, fault))
        return -1;
    if (!wanted && umount2(GUEST_SCRATCH_MNT, 0))
        return fault_set(fault, errno, "unmount the overlay at '%s'", GUEST_SCRATCH_MNT);
    *mounted = wanted;
    return wanted ? 0 : empty_work(fault);
}
