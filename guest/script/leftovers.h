/*
 * What a script can leave in the kernel beyond its namespaces, with which its processes, mounts and
 * memory go: loaded modules, swap, settings, cgroups, devices. Where there is
 * any, the VM serves no other build.
 */
#ifndef VMBUILD_GUEST_LEFTOVERS_H
#define VMBUILD_GUEST_LEFTOVERS_H

#include "guest/lib/fault.h"

/* Notes how the kernel is before any script has run. Returns 0, or -1 with FAULT. */
int leftovers_note(struct fault *fault);

/* Returns 0 if the kernel is as it was, or -1 with a FAULT that names the first difference. No
 * script runs. */
int leftovers_refuse(struct fault *fault);

#endif
