/*
 * What an input was found to hold, kept in the store so that it is not read again: the image's
 * names, config and layers by their digests.
 */
#ifndef VMBUILD_IMAGE_RECORD_H
#define VMBUILD_IMAGE_RECORD_H

#include "host/image/image.h"
#include "host/lib/digest.h"
#include "host/store/store.h"

/* Returns the image recorded under KEY, its layers in the FORMS asked for (enum layer_form bits),
 * or NULL where there is none or the store has not all of it any more; the caller's. */
struct image *image_record_get(struct store *store, const struct digest *key, unsigned int forms);

/* Records IMAGE under KEY. Failures are not errors: the store is only a cache. */
void image_record_put(struct store *store, const struct digest *key, const struct image *image);

#endif
