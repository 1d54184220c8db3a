/*
 * A layer as the documents of its image claim it to be, and getting it: taken in from the bundle,
 * held against the claims, and only then published in the store.
 */
#ifndef VMBUILD_CLAIMED_LAYER_H
#define VMBUILD_CLAIMED_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "bundle.h"
#include "digest.h"
#include "error.h"
#include "image.h"
#include "store.h"

struct claimed_layer {
    const char *file;             /* in the bundle */
    const struct digest *diff_id; /* or NULL where no document says */
    const struct digest *blob;    /* digest of the bytes as they are, or NULL */
    uint64_t blob_size;           /* where blob is not NULL */
    bool keeps_blob;              /* uncompressed bytes are a blob of an OCI image too */
};

/* Gets the layer and appends it to IMAGE. FORMS: enum layer_form bits; what the store has of them
 * is not written again, but the bundle's bytes are checked all the same. An uncompressed layer has
 * a tar_path whatever form is asked for. Errors: EXIT_INPUT (damaged, or not what was claimed),
 * EXIT_DISK_FULL. */
[[nodiscard]] struct error *claimed_layer_get(const struct claimed_layer *claim,
                                              const struct bundle *bundle, unsigned int forms,
                                              struct store *store, struct image *image);

#endif
