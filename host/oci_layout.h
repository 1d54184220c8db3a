/*
 * OCI image layouts (image-spec 1.1, "Image Layout"), in an archive or a folder: index.json lists
 * images and further indexes, by digest; blobs/sha256/HEX are the bytes.
 */
#ifndef VMBUILD_OCI_LAYOUT_H
#define VMBUILD_OCI_LAYOUT_H

#include <stdbool.h>

#include "bundle.h"
#include "error.h"
#include "image.h"
#include "store.h"

/* Whether BUNDLE has an index.json. */
bool oci_layout_is(const struct bundle *bundle);

/* Reads the image of CHOICE: by the annotations io.containerd.image.name (a full name) and
 * org.opencontainers.image.ref.name (a full name, or a tag alone), then by platform. FORMS: enum
 * layer_form bits. Errors: EXIT_INPUT, EXIT_DISK_FULL. *RET is the caller's. */
[[nodiscard]] struct error *oci_layout_read(const struct bundle *bundle,
                                            const struct image_choice *choice, unsigned int forms,
                                            struct store *store, struct image **ret);

#endif
