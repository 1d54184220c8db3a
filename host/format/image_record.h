/*
 * A record in the store of an image that was read from an archive, so that it need not be read
 * again: the image's name, config and layers, the layers by their digests.
 */
#ifndef VMBUILD_IMAGE_RECORD_H
#define VMBUILD_IMAGE_RECORD_H

#include "host/image/image.h"
#include "host/lib/digest.h"
#include "host/store/store.h"

/* Returns the image recorded under KEY, its layers in FORMS (enum layer_form bits); the caller's.
 * Returns NULL if there is none, or if STORE does not have all of it any more. */
struct image *image_record_get(struct store *store, const struct digest *key, unsigned int forms);

/* Records IMAGE under KEY. Failures are not errors: the store is only a cache. */
void image_record_put(struct store *store, const struct digest *key, const struct image *image);

#endif
