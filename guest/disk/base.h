/*
 * The base disk: one merged tree of all base layers. It is filled once, unmounted, and from then on
 * only mounted read-only, by many builds. A VM that serves several builds keeps it mounted, and so
 * has in memory what their scripts read of it; between them, it is writable for a further layer.
 */
#ifndef VMBUILD_GUEST_BASE_H
#define VMBUILD_GUEST_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/contract.h"
#include "guest/lib/fault.h"

#define BASE_FOLDER "/run/base"
#define BASE_TREE BASE_FOLDER "/" GUEST_BASE_TREE

/* Is told now and then how many BYTES of the layers have been read. */
typedef void base_progress(void *context, uint64_t bytes);

/* What a disk is filled from. */
struct base_source {
    char *const *layers; /* the serial numbers of disks, lowest first, each of them a tar */
    size_t count;
    size_t first; /* how many layers the disk has already; 0: it is empty */
    base_progress *progress;
    void *context;
};

/* Fills the disk with the serial number BASE from SOURCE, and unmounts it. Each layer finds the
 * disk unmounted and mounted again, so that it becomes the same whether those below it were
 * unpacked just before or long ago. Returns 0, or -1 with FAULT (see contract.h for its text). */
int base_unpack(const char *base, const struct base_source *source, struct fault *fault);

/* Makes the filled disk GUEST_DISK_NEW_BASE writable, to unpack another layer in BASE_TREE. Returns
 * 0, or -1 with FAULT. */
int base_begin_layer(struct fault *fault);

/* Makes it read-only again, and writes it; only if the layer IS_WHOLE can the disk be used from
 * then on. Returns 0, or -1 with FAULT. */
int base_end_layer(bool is_whole, struct fault *fault);

/* Mounts the tree of the filled disk BASE read-only at image/, and gives layer/ the metadata of its
 * root. Returns 0, or -1 with FAULT. */
int base_mount(const char *base, struct fault *fault);

/* Takes it away from image/; the disk stays mounted. Returns 0, or -1 with FAULT, such as when
 * something still uses the tree. */
int base_unmount(struct fault *fault);

#endif
