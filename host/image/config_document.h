/*
 * The config document of an image as its source has it (OCI image-spec, "Image Configuration"; also
 * Docker's): what reading an image needs of it, which is the list of diff IDs.
 */
#ifndef VMBUILD_CONFIG_DOCUMENT_H
#define VMBUILD_CONFIG_DOCUMENT_H

#include <stddef.h>

#include "host/image/image.h"
#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"

/* Parses BYTES, which NAME calls for errors, and gives document and bytes to IMAGE. BYTES is empty
 * afterwards. *RET_DIFF_IDS is an array of *RET_COUNT, the caller's. Errors: EXIT_INPUT where it is
 * no config, not for Linux, or has more than IMAGE_LAYERS_MAX layers. */
[[nodiscard]] struct error *config_document_read(const char *name, struct buffer *bytes,
                                                 struct image *image, struct digest **ret_diff_ids,
                                                 size_t *ret_count);

#endif
