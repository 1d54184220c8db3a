/*
 * The disks of cache mounts: directories that stay in the store between builds, by their ID.
 *
 * A guest may write anything to such a disk, so that only guests ever read it. Each build works on
 * a copy of what the store has, or on an empty disk, and puts that in its place once its script has
 * succeeded: builds do not see what others do meanwhile, and of two at the same time, what the
 * later one leaves stays. One that is `locked` is held for all that time, so that the other waits.
 */
#ifndef VMBUILD_MOUNT_CACHE_H
#define VMBUILD_MOUNT_CACHE_H

#include <stddef.h>

#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/spec/spec.h"
#include "host/store/store.h"

struct mount_cache {
    char key[DIGEST_HEX_LENGTH + 1]; /* of the store's entry */
    int lock;                        /* held until it is published; -1: not */
};

/* A zeroed one is empty. */
struct mount_caches {
    struct mount_cache *items;
    char **paths;   /* of their disks, temporaries */
    char **serials; /* by which the guest finds them */
    size_t count;
};

/* Makes the disks for the caches of MOUNTS. *RET is the caller's also on error. Errors:
 * EXIT_DISK_FULL, EXIT_OTHER. */
[[nodiscard]] struct error *mount_caches_open(const struct spec_mounts *mounts, struct store *store,
                                              struct mount_caches *ret);

/* Puts the disks, to which nothing is written any more, into the store, and releases the locks.
 * Errors: EXIT_DISK_FULL, EXIT_OTHER. */
[[nodiscard]] struct error *mount_caches_publish(struct mount_caches *caches, struct store *store);

/* Releases the locks and removes the temporaries. */
void mount_caches_free(struct mount_caches *caches);

#endif
