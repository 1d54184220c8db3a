/*
 * Reads bundles (image_bundle.h) from an image's files: of an OCI layout or one of skopeo's
 * directories, whose manifests and blobs are named by their digests.
 */
#ifndef VMBUILD_BUNDLE_FILES_H
#define VMBUILD_BUNDLE_FILES_H

#include <stdbool.h>

#include "host/format/blob_image.h"
#include "host/image/image_bundle.h"
#include "host/lib/error.h"
#include "host/store/store.h"

/* Reads the manifest or index BYTES, which are taken over, of TYPE (or NULL), and unless ROOT_ONLY
 * everything that it leads to; the blobs are checked and kept in STORE. LABEL is what errors call
 * BYTES. *RET is empty before. Errors: EXIT_INPUT, EXIT_DISK_FULL (the cache's). */
[[nodiscard]] struct error *bundle_files_read(const struct blob_files *blobs, const char *label,
                                              const char *type, struct buffer *bytes,
                                              bool root_only, struct store *store,
                                              struct image_bundle *ret);

#endif
