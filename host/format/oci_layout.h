/*
 * Reads OCI image layouts (image-spec 1.1, "Image Layout"), in an archive or a directory.
 * index.json lists images and further indexes by digest; blobs/sha256/HEX are their bytes.
 */
#ifndef VMBUILD_OCI_LAYOUT_H
#define VMBUILD_OCI_LAYOUT_H

#include <stdbool.h>

#include "host/format/image_files.h"
#include "host/image/image.h"
#include "host/image/image_bundle.h"
#include "host/image/image_request.h"
#include "host/lib/error.h"

/* Returns whether FILES are such a layout: whether there is an index.json. */
bool oci_layout_is(const struct image_files *files);

/* Reads the image that REQUEST asks for: chosen by the annotations io.containerd.image.name (a full
 * name) and org.opencontainers.image.ref.name (a full name, or a tag alone), then by platform.
 * Errors: EXIT_INPUT, EXIT_DISK_FULL. *RET is the caller's. */
[[nodiscard]] struct error *oci_layout_read(const struct image_files *files,
                                            const struct image_request *request,
                                            struct image **ret);

/* Reads the whole bundle of what REQUEST names, for all platforms, or with ROOT_ONLY the manifest
 * or index alone. *RET is empty before. Errors: as above. */
[[nodiscard]] struct error *oci_layout_read_bundle(const struct image_files *files,
                                                   const struct image_request *request,
                                                   bool root_only, struct image_bundle *ret);

#endif
