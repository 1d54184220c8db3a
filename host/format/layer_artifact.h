/*
 * A layer in a shared cache (cache_place.h): an OCI artifact in a registry, tagged by the key of
 * the build that made it.
 *
 * It is an image, too, of this layer alone, so that each registry stores it and each tool shows it.
 * Its manifest has the artifactType LAYER_ARTIFACT_TYPE, and as annotations the key, when the layer
 * was made, and by which version of a library it was compressed. It has nothing else of the build:
 * no paths, variables or files but those that are in the layer.
 *
 * What comes from there is as little trusted as a base image, but it is taken for what the key
 * stands for: whoever can write to the repository chooses the layers of those who read it.
 */
#ifndef VMBUILD_LAYER_ARTIFACT_H
#define VMBUILD_LAYER_ARTIFACT_H

#include <stdbool.h>
#include <stdint.h>

#include "host/format/cache_place.h"
#include "host/image/image_request.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/store/store.h"

#define LAYER_ARTIFACT_TYPE "application/vnd.vmbuild.layer.v1"

/* Of a layer and of the record of it (image/kept_layer.h), to which "made" is added: when, in
 * seconds since 1970. */
struct layer_artifact {
    const struct cache_place *place;
    struct registry_access access; /* whose time limit, if there is one, begins with each call */
    struct store *store;
    const struct digest *key;
};

/* Gets the layer into the store, its digests checked, unless it was made before OLDEST (seconds
 * since 1970). *RET_FOUND, set also on error: whether the key is known there. *RET_RECORD is the
 * caller's; NULL if there is no such layer. Errors: EXIT_NETWORK, EXIT_TIMEOUT; EXIT_INPUT if
 * something else was received; EXIT_DISK_FULL (the cache's). */
[[nodiscard]] struct error *layer_artifact_get(const struct layer_artifact *artifact,
                                               int64_t oldest, bool *ret_found,
                                               struct json **ret_record);

/* Puts the layer of RECORD there, as one of the image NAME. What is there under the key stays,
 * unless REPLACES or it is something else. Errors: EXIT_NETWORK, EXIT_TIMEOUT; EXIT_OTHER if the
 * layer is no longer in the store; EXIT_DISK_FULL (the cache's). */
[[nodiscard]] struct error *layer_artifact_put(const struct layer_artifact *artifact,
                                               const struct json *record, const char *name,
                                               bool replaces);

#endif
