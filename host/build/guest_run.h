/*
 * The run of a build in the guest: one VM, from its disks over the steps of the plan to the layer.
 * Here a failed script is kept in a file, or a shell opened after it.
 */
#ifndef VMBUILD_GUEST_RUN_H
#define VMBUILD_GUEST_RUN_H

#include <stdbool.h>

#include "host/build/base_disk.h"
#include "host/build/mount_cache.h"
#include "host/build/mount_trees.h"
#include "host/build/plan.h"
#include "host/image/image.h"
#include "host/image/layer_writer.h"
#include "host/lib/error.h"
#include "host/tree/contents.h"
#include "host/vm/vm.h"

struct build;

/* The first five are borrowed. */
struct guest_run {
    const struct build *build;
    const struct plan *plan;
    const struct machine_type *type; /* of the machine; static */
    struct image *base;              /* NULL if the spec has no fromImage */
    struct contents *contents;
    struct mount_trees *trees;

    struct vm *vm; /* with the disks that it stands on, until guest_run_end */
    struct base_disk disk;
    struct mount_caches caches;
    bool is_touched; /* a shell was open between the steps: the layer is not of the spec alone */
};

/* Carries the plan out and writes the layer to WRITER, or none if that is NULL. A base disk from
 * the store that the guest cannot mount is made again, once. Errors: every code of error.h. */
[[nodiscard]] struct error *guest_run_layer(struct guest_run *run, struct layer_writer *writer);

/* Ends the VM, if there is one, and releases the base disk. There is nothing to flush and no
 * orderly shutdown. */
void guest_run_end(struct guest_run *run);

#endif
