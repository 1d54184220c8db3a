/*
 * What an image's layers are called, and how they are described, in Docker's v1 image format, which
 * docker-archives still carry: one chain of images, of which each has an ID and a parent. IDs
 * follow moby's image/v1 CreateID: the digest of the v1 document with the layers' chain ID and the
 * parent, so that they depend on nothing else. Pure.
 */
#ifndef VMBUILD_V1_IMAGE_H
#define VMBUILD_V1_IMAGE_H

#include "host/image/image.h"
#include "host/lib/buffer.h"

#define V1_IMAGE_VERSION "1.0" /* what the file VERSION holds */

/* The IDs of IMAGE's layers: an array of layer_count, the caller's. */
struct digest *v1_image_ids(const struct image *image);

/* Appends the `json` of the layer INDEX, whose IDs are IDS. The last one describes the image. */
void v1_image_json(const struct image *image, const struct digest *ids, size_t index,
                   struct buffer *out);

#endif
