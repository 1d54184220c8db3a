/*
 * What the bind mounts of a script show: for each a tree, of the host or of an image, that is
 * streamed to the guest as the contents are, and lies outside of the layer there.
 */
#ifndef VMBUILD_MOUNT_TREES_H
#define VMBUILD_MOUNT_TREES_H

#include <stddef.h>

#include "host/build/spec_sources.h"
#include "host/tree/contents.h"
#include "host/vm/vm.h"

struct mount_tree {
    size_t number; /* of its mount */
    struct spec_sources sources;
    struct contents contents;
};

/* A zeroed one is empty. */
struct mount_trees {
    struct mount_tree *items;
    size_t count;
};

/* Finds the trees of the mounts of ORIGIN, whose `contents` is of no account, which they borrow
 * from. Their files are not newer than CLAMP, in seconds since 1970. *RET is the caller's also on
 * error. Errors: those of spec_sources_make. */
[[nodiscard]] struct error *mount_trees_make(const struct spec_mounts *mounts,
                                             const struct spec_sources_origin *origin,
                                             int64_t clamp, struct mount_trees *ret);

/* Streams all TREES to the guest. Errors: EXIT_INPUT, naming the source; those of the VM. */
[[nodiscard]] struct error *mount_trees_send(struct mount_trees *trees, struct vm *vm);

void mount_trees_free(struct mount_trees *trees);

#endif
