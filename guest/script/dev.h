/*
 * The /dev of scripts: the devices that containers have, and those that builders of disk images
 * need: loop devices, the device mapper, fuse, tun.
 *
 * It is the kernel's devtmpfs, so that the nodes of partitions, and of devices that a script
 * creates, are there as soon as the devices are. All scripts share it, one after the other: it is
 * put in order before each of them, and init itself does not rely on it.
 */
#ifndef VMBUILD_GUEST_DEV_H
#define VMBUILD_GUEST_DEV_H

#include "guest/lib/fault.h"

/* Mounts it at PATH, which is TARGET to the script, in the caller's mount namespace. Returns 0, or
 * -1 with FAULT. */
int dev_mount(const char *path, const char *target, struct fault *fault);

#endif
