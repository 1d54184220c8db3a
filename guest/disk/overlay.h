/*
 * The merged view: the base image below, the layer above. The plain view is mounted whenever init
 * has nothing else to do with the layer; a script gets a view with further lower layers.
 */
#ifndef VMBUILD_GUEST_OVERLAY_H
#define VMBUILD_GUEST_OVERLAY_H

#include <stdbool.h>

#include "guest/lib/fault.h"

/* Mounts the view at mnt/ with the directory ABOVE between image and layer and the directory BELOW
 * the image, either of which may be NULL. Returns 0, or -1 with FAULT. */
int overlay_mount_with(const char *above, const char *below, struct fault *fault);

/* Mounts the plain view at mnt/ or unmounts it, if *MOUNTED is not as WANTED yet, and updates
 * *MOUNTED. Returns 0, or -1 with FAULT, such as when a process still uses the view. */
int overlay_show(bool *mounted, bool wanted, struct fault *fault);

#endif
