/* The merged view: the base image below, the layer above. */
#ifndef VMBUILD_GUEST_OVERLAY_H
#define VMBUILD_GUEST_OVERLAY_H

#include "fault.h"

/* Mounts the view at mnt/. POINTS is a further folder below the image, or NULL. Returns 0, or -1
 * with FAULT. */
int overlay_mount(const char *points, struct fault *fault);
/* Unmounts the view. Returns 0, or -1 with FAULT, as where a process still stands in it. */
int overlay_unmount(struct fault *fault);

#endif
