/* The base disk: one merged tree of all base layers, unpacked once and then only read. */
#ifndef VMBUILD_GUEST_BASE_H
#define VMBUILD_GUEST_BASE_H

#include <stddef.h>

#include "guest/lib/fault.h"

/* Fills the empty disk with the serial number BASE from the disks LAYERS, lowest first, each of
 * them a tar, and unmounts it. Returns 0, or -1 with FAULT (see contract.h for its text). */
int base_unpack(const char *base, char *const *layers, size_t count, struct fault *fault);

/* Shows the tree of a filled base disk, read-only, as image/, and gives layer/ the attributes of
 * its root. Returns 0, or -1 with FAULT. */
int base_mount(const char *base, struct fault *fault);

#endif
