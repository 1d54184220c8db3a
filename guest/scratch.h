/* The scratch disk: holds the layer, and fills up when a script writes too much. */
#ifndef VMBUILD_GUEST_SCRATCH_H
#define VMBUILD_GUEST_SCRATCH_H

#include <stdbool.h>

#include "fault.h"

/* Mounts the disk GUEST_DISK_SCRATCH and makes its folders. Returns 0, or -1 with FAULT. */
int scratch_mount(struct fault *fault);

/* Gives the folders the time that it is. IMAGE_SHOWN: the base is mounted, so that image/ is not a
 * folder of this disk, and layer/ has the mtime of the image's root, which it keeps. Returns 0, or
 * -1 with FAULT. */
int scratch_touch(bool image_shown, struct fault *fault);

/* Whether no room is left on it. */
bool scratch_is_full(void);

#endif
