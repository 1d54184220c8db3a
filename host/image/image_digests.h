/*
 * The digests by which others know an image, as members of the event that reports its output.
 */
#ifndef VMBUILD_IMAGE_DIGESTS_H
#define VMBUILD_IMAGE_DIGESTS_H

#include "host/image/image.h"
#include "host/lib/digest.h"
#include "host/lib/json.h"

/* Returns an object with `digest`, of the MANIFEST that was written (empty: none was), and, unless
 * IMAGE is NULL, `config`, of its config document, which Docker calls its ID, and `layers`, its
 * diff IDs. The caller's. */
struct json *image_digests(const struct image *image, const struct digest *manifest);

#endif
