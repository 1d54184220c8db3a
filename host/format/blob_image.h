/*
 * Reads an image whose documents and layers are blobs, each a file that is named by its digest: in
 * an OCI layout (oci_layout.h) or a directory of skopeo's (dir_image.h).
 *
 * A search starts at the descriptor of a manifest or an index and goes down to an image that suits
 * the request: artifacts are passed over, and so is an image for another platform than the one that
 * is required.
 */
#ifndef VMBUILD_BLOB_IMAGE_H
#define VMBUILD_BLOB_IMAGE_H

#include <stdbool.h>

#include "host/format/image_files.h"
#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/image/manifest.h"
#include "host/lib/error.h"

/* Where the blobs are: a blob is the file PREFIX HEX, a manifest PREFIX HEX MANIFEST_SUFFIX. */
struct blob_files {
    const struct image_files *files;
    const char *prefix;
    const char *manifest_suffix;
};

/* Reads the manifest that DESCRIPTOR names into RET and checks its digest. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *blob_files_read_manifest(const struct blob_files *blobs,
                                                     const struct descriptor *descriptor,
                                                     struct buffer *ret);

struct blob_image_search {
    const struct blob_files *blobs;
    const struct image_request *request;
    struct image *image;      /* gets config, manifest and layers of what is found; the caller's */
    struct error *why;        /* why the first image that was looked at does not suit, or NULL */
    unsigned int looked;      /* documents read */
    struct manifest manifest; /* of what was found */
    struct digest *diff_ids;
};

void blob_image_search_free(struct blob_image_search *search);

/* Looks for an image at DESCRIPTOR. IS_CHOSEN: the platform of DESCRIPTOR was stated and compared
 * already. *RET_FOUND is whether there is one; else search->why tells why not. Errors: EXIT_INPUT
 * (damaged, beyond a limit), EXIT_OTHER. */
[[nodiscard]] struct error *blob_image_find(struct blob_image_search *search,
                                            const struct descriptor *descriptor, bool is_chosen,
                                            bool *ret_found);

/* The same for the manifest or index of BYTES, which are taken over; LABEL is what errors call
 * it. */
[[nodiscard]] struct error *blob_image_find_in(struct blob_image_search *search, const char *label,
                                               struct buffer *bytes, const char *type,
                                               bool is_chosen, bool *ret_found);

/* Reads the layers of what was found. Errors: EXIT_INPUT, EXIT_DISK_FULL. */
[[nodiscard]] struct error *blob_image_read_layers(struct blob_image_search *search);

#endif
