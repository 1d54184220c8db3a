/*
 * A layer's tar as a compressed blob, for registries: made once and kept in the store under its
 * digest, with a record that leads from the diff ID to it.
 */
#ifndef VMBUILD_LAYER_BLOB_H
#define VMBUILD_LAYER_BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/store/store.h"
#include "host/tar/compression.h"

struct layer_blob {
    char *path; /* in the store */
    struct digest digest;
    uint64_t size;
};

/* Finds or makes the blob of the tar TAR_PATH, whose digest is DIFF_ID. *RET's path is the
 * caller's, who begins its check (store_use) to use what it holds. Errors: EXIT_DISK_FULL (the
 * cache's), EXIT_OTHER. */
[[nodiscard]] struct error *layer_blob_get(const char *tar_path, const struct digest *diff_id,
                                           enum compression compression, struct store *store,
                                           struct layer_blob *ret);

/* Finds the blob that was made of the layer DIFF_ID, or recorded, before. *RET's path is the
 * caller's. Returns false if there is none. */
bool layer_blob_find(const struct digest *diff_id, enum compression compression,
                     struct store *store, struct layer_blob *ret);

/* Records that the entry DIGEST of STORE is that blob. */
void layer_blob_record(const struct digest *diff_id, enum compression compression,
                       const struct digest *digest, struct store *store);

/* Begins the check (store_use) of the blob that layer_blob_get will find, if it will. */
void layer_blob_use(const struct digest *diff_id, enum compression compression,
                    struct store *store);

#endif
