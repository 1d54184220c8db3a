/*
 * The /proc of scripts: without what would end the VM, or what differs between hosts. Files of the
 * kernel are covered by others that are written anew each time.
 */
#ifndef VMBUILD_GUEST_PROC_H
#define VMBUILD_GUEST_PROC_H

#include "guest/lib/fault.h"

/* Mounts it at PATH, which is TARGET to the script, in the caller's mount namespace. The processors
 * are those of cpuinfo.h, and the kernel's command line is empty, as both depend on the host.
 * Returns 0, or -1 with FAULT. */
int proc_mount(const char *path, const char *target, struct fault *fault);

#endif
