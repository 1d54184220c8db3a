/*
 * The kernel's /lib/modules/RELEASE: its modules, and lists with which modprobe, modinfo and their
 * like know them and what is built in. The initramfs has it, from which the kernel loads by
 * busybox' modprobe what it needs itself, such as the file system that a script mounts.
 *
 * A script in the image sees them at the same place. They are a mount, which a search or an archive
 * of one file system leaves out. What a script writes there lasts as long as the build, since
 * RELEASE is this guest's alone (initramfs/kernel.config); the kernel does not load it.
 */
#ifndef VMBUILD_GUEST_MODULES_H
#define VMBUILD_GUEST_MODULES_H

#include "guest/lib/fault.h"

/* Prepares what scripts see of the modules, if the initramfs has any: at boot, so that a script has
 * to wait for one mount only. Returns 0, or -1 with FAULT. */
int modules_prepare(struct fault *fault);

/* Makes them for the next build what they were at first. Returns 0, or -1 with FAULT. */
int modules_renew(struct fault *fault);

/* Returns the path "/lib/modules/RELEASE", a static string. */
const char *modules_folder(void);

/* Mounts the modules at PATH, which is TARGET to the script, while the initramfs is the caller's
 * root. Returns 0, or -1 with FAULT. */
int modules_mount(const char *path, const char *target, struct fault *fault);

#endif
