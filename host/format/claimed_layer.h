/*
 * A layer as the documents of its image claim it to be, and getting it: taken in from the files,
 * held against the claims, and only then published in the store.
 */
#ifndef VMBUILD_CLAIMED_LAYER_H
#define VMBUILD_CLAIMED_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "host/format/image_files.h"
#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"

struct claimed_layer {
    const char *file;             /* in the files */
    const struct digest *diff_id; /* or NULL where no document says */
    const struct digest *blob;    /* digest of the bytes as they are, or NULL */
    uint64_t blob_size;           /* where blob is not NULL */
    bool keeps_blob;              /* uncompressed bytes are a blob of an OCI image too */
};

/* Gets the layer in the forms of REQUEST and appends it to IMAGE. Forms that the store has are not
 * written again, but the file's bytes are checked all the same. An uncompressed layer has a
 * tar_path whatever form is requested. Errors: EXIT_INPUT (damaged, or not what was claimed),
 * EXIT_DISK_FULL. */
[[nodiscard]] struct error *claimed_layer_get(const struct claimed_layer *claim,
                                              const struct image_files *files,
                                              const struct image_request *request,
                                              struct image *image);

#endif
