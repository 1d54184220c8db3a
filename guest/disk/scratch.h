/*
 * The scratch disk, on which the layer comes into being. Its root is the hooks' directory. It fills
 * up if a script writes too much, and is discarded with the VM.
 */
#ifndef VMBUILD_GUEST_SCRATCH_H
#define VMBUILD_GUEST_SCRATCH_H

#include <stdbool.h>

#include "guest/lib/fault.h"

/* Mounts the disk GUEST_DISK_SCRATCH and creates its directories. Returns 0, or -1 with FAULT. */
int scratch_mount(struct fault *fault);

/* Undoes that. Returns 0, or -1 with FAULT, such as when something still uses the disk. */
int scratch_unmount(struct fault *fault);

/* Sets the times of the layer's root to the current one, through the merged view if that is
 * MERGED, in which case it keeps its mtime, which is the image's. Returns 0, or -1 with FAULT. */
int scratch_touch_layer(bool merged, struct fault *fault);

/* Returns whether no room is left on it. */
bool scratch_is_full(void);

#endif
