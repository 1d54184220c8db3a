/*
 * The IDs and descriptions of an image's layers in Docker's v1 image format, which docker-archives
 * still contain: a chain of images, each with an ID and a parent. IDs follow moby's image/v1
 * CreateID: the digest of the v1 document with the layers' chain ID and the parent. They depend on
 * nothing else.
 */
#ifndef VMBUILD_V1_IMAGE_H
#define VMBUILD_V1_IMAGE_H

#include "host/image/image.h"
#include "host/lib/buffer.h"

#define V1_IMAGE_VERSION "1.0" /* the contents of the file VERSION */

/* Returns the IDs of IMAGE's layers: an array of layer_count, the caller's. */
struct digest *v1_image_ids(const struct image *image);

/* Appends the `json` of the layer INDEX to OUT. IDS: of v1_image_ids. The last layer's describes
 * the image. */
void v1_image_json(const struct image *image, const struct digest *ids, size_t index,
                   struct buffer *out);

#endif
