/*
 * A new layer kept in the store, so that a later build can take it from there (build/build_cache.h)
 * and builds on its image find it as any layer of a base.
 *
 * It is kept in the form in which it was made: its tar, or its blob. The others are made when they
 * are needed, as of a base's layer (layer_tar.h, layer_blob.h).
 */
#ifndef VMBUILD_KEPT_LAYER_H
#define VMBUILD_KEPT_LAYER_H

#include <stdbool.h>

#include "host/image/image.h"
#include "host/image/layer_writer.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/store/store.h"

/* Moves the file of LAYER, a new one, to STORE, or copies it if that is on another file system; of
 * a blob, its digest must be known. Returns whether it is in the store: that it cannot be kept is
 * shown with --verbose only, and LAYER is then as it was. */
bool kept_layer_put(struct layer *layer, struct store *store);

/* Returns what has to be recorded of LAYER to find it again; the caller's. */
struct json *kept_layer_describe(const struct layer *layer);

/* Finds the layer of RECORD in STORE, in the form that is WANTED of a new layer. *RET is then the
 * caller's. Returns false if any of it is missing. */
bool kept_layer_get(const struct json *record, struct layer_form_wanted wanted, struct store *store,
                    struct layer *ret);

/* Finds the layer of RECORD in STORE, compressed as it happens to be there, or compresses it. *RET
 * is the caller's. Errors: EXIT_OTHER if it is missing; EXIT_DISK_FULL (the cache's). */
[[nodiscard]] struct error *kept_layer_get_blob(const struct json *record, struct store *store,
                                                struct layer *ret);

#endif
