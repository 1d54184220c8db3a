/*
 * The /dev of scripts: a separate tmpfs with the devices that containers have, and those that
 * builders of disk images need: loop devices, fuse, tun.
 */
#ifndef VMBUILD_GUEST_DEV_H
#define VMBUILD_GUEST_DEV_H

#include "guest/lib/fault.h"

/* Mounts it at PATH, which is TARGET to the script, in the caller's mount namespace. Returns 0, or
 * -1 with FAULT. */
int dev_mount(const char *path, const char *target, struct fault *fault);

#endif
