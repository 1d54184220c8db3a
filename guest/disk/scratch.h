/* The scratch disk: holds the layer, and fills up when a script writes too much. */
#ifndef VMBUILD_GUEST_SCRATCH_H
#define VMBUILD_GUEST_SCRATCH_H

#include <stdbool.h>

#include "guest/lib/fault.h"

/* Mounts the disk GUEST_DISK_SCRATCH and makes its folders. Returns 0, or -1 with FAULT. */
int scratch_mount(struct fault *fault);

/* Gives the layer's root the time that it is, through the merged view where that is MERGED; then
 * it keeps its mtime, which is the image's. Returns 0, or -1 with FAULT. */
int scratch_touch_layer(bool merged, struct fault *fault);

/* Whether no room is left on it. */
bool scratch_is_full(void);

#endif
