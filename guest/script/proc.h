/* The /proc of scripts: without what would end the VM, or tell one machine from another. */
#ifndef VMBUILD_GUEST_PROC_H
#define VMBUILD_GUEST_PROC_H

#include "guest/lib/fault.h"

/* Mounts it at PATH, the script's own TARGET, in the caller's mount namespace; PATH is below the
 * initramfs. The processors' speed is a fixed one, the kernel's command line empty: both are
 * measured or chosen anew by each host. Returns 0, or -1 with FAULT. */
int proc_mount(const char *path, const char *target, struct fault *fault);

#endif
