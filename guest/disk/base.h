/*
 * The base disk: one merged tree of all base layers. It is filled once, unmounted, and from then on
 * only mounted read-only, by many builds.
 */
#ifndef VMBUILD_GUEST_BASE_H
#define VMBUILD_GUEST_BASE_H

#include <stddef.h>
#include <stdint.h>

#include "guest/lib/fault.h"

/* Is told now and then how many BYTES of the layers have been read. */
typedef void base_progress(void *context, uint64_t bytes);

/* Fills the empty disk with the serial number BASE from the COUNT disks with the serial numbers
 * LAYERS, lowest first, each of them a tar, and unmounts it. Returns 0, or -1 with FAULT (see
 * contract.h for its text). */
int base_unpack(const char *base, char *const *layers, size_t count, base_progress *progress,
                void *context, struct fault *fault);

/* Mounts the tree of the filled disk BASE read-only at image/, and gives layer/ the metadata of its
 * root. Returns 0, or -1 with FAULT. */
int base_mount(const char *base, struct fault *fault);

#endif
