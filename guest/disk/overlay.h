/* The merged view: the base image below, the layer above. */
#ifndef VMBUILD_GUEST_OVERLAY_H
#define VMBUILD_GUEST_OVERLAY_H

#include <stdbool.h>

#include "guest/lib/fault.h"

/* Mounts the view at mnt/ with POINTS, a further folder below the image. Returns 0, or -1 with
 * FAULT. */
int overlay_mount_with(const char *points, struct fault *fault);

/* Mounts the plain view at mnt/, or unmounts it, where it is not as WANTED yet. *MOUNTED is kept up
 * to date. Returns 0, or -1 with FAULT, as where a process still stands in the view. */
int overlay_show(bool *mounted, bool wanted, struct fault *fault);

#endif
