/*
 * A layer as the documents of its image claim it to be. Its bytes are taken in from the image's
 * files, compared with the claims, and only then published in the store.
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
    const char *file;             /* its name among the image's files */
    const struct digest *diff_id; /* or NULL if no document states it */
    const struct digest *blob;    /* digest of the bytes as they are in the file, or NULL */
    uint64_t blob_size;           /* if blob is not NULL */
    bool keeps_blob;              /* whether uncompressed bytes are a blob too, as in OCI images */
};

/* Gets the layer from FILES, in the forms of REQUEST, and appends it to IMAGE. Forms that the store
 * has are not written again, but the file's bytes are checked all the same. An uncompressed layer
 * gets a tar_path whatever forms are requested. Errors: EXIT_INPUT (damaged, or not what was
 * claimed), EXIT_DISK_FULL. */
[[nodiscard]] struct error *claimed_layer_get(const struct claimed_layer *claim,
                                              const struct image_files *files,
                                              const struct image_request *request,
                                              struct image *image);

#endif
