/*
 * A layer's uncompressed tar in the store: made from the layer's blob when it is first needed. The
 * counterpart of layer_blob.h.
 */
#ifndef VMBUILD_LAYER_TAR_H
#define VMBUILD_LAYER_TAR_H

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/store/store.h"

/* Makes sure that LAYER has its tar_path, decompressing its blob into STORE if it does not. Errors:
 * EXIT_INPUT (the blob is damaged, or not the layer that the config names), EXIT_DISK_FULL (the
 * cache's), EXIT_OTHER. */
[[nodiscard]] struct error *layer_tar_need(struct layer *layer, struct store *store);

/* The same, always from the blob, which must be the layer: nothing that STORE has is taken for it.
 */
[[nodiscard]] struct error *layer_tar_make(struct layer *layer, struct store *store);

/* As layer_tar_need, for a caller that reads it (store_use). */
[[nodiscard]] struct error *layer_tar_use(struct layer *layer, struct store *store);

#endif
