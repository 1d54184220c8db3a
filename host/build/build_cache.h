/*
 * The build cache: the layers of earlier builds, by the keys of what they were made of
 * (build_key.h). A build whose key is known takes its layer from the store, and starts no VM.
 *
 *   records/layers/KEY   the layer that KEY stands for (image/kept_layer.h), and when it was made
 *   records/builds/KEY   the parts of the key, to tell what has changed since
 *   records/names/NAME   the key that the image NAME had last
 *
 * While one process makes the layer of a key, others with the same key wait, and then take it. What
 * the store does not have may come from shared caches, and goes there (shared_cache.h).
 */
#ifndef VMBUILD_BUILD_CACHE_H
#define VMBUILD_BUILD_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/build/build_key.h"
#include "host/build/shared_cache.h"
#include "host/image/image.h"
#include "host/image/layer_writer.h"
#include "host/lib/error.h"
#include "host/store/store.h"

#define BUILD_CACHE_NO_LIMIT (-1)   /* of an age */
#define BUILD_CACHE_LAYERS "layers" /* the kind of record that describes the layer of a key */

struct build_cache {
    /* Set by the caller, and borrowed. */
    struct store *store;
    const char *name; /* of the image */
    bool rebuild;     /* do not take what is there */
    int64_t max_age;  /* of what is taken, in seconds, or BUILD_CACHE_NO_LIMIT */
    const struct build_key *key;
    struct shared_cache *shared; /* or NULL */

    /* Set by build_cache_find. */
    char *reason; /* why the layer is to be made, if that is known; or NULL */
    int lock;     /* held while it is made; below 0: none */
    bool is_kept; /* the store has the layer; set by build_cache_keep, too */
};

/* Finds the layer of CACHE's key in the form that is WANTED. *RET_FOUND: whether *RET is it, and
 * the caller's. If not, the lock of the key is taken, until build_cache_free, unless the layer is
 * to be made in any case. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *build_cache_find(struct build_cache *cache,
                                             struct layer_form_wanted wanted, struct layer *ret,
                                             bool *ret_found);

/* Returns whether the layer of CACHE's key is there, and then *RET, the caller's; as
 * build_cache_find, but nobody is to make it. */
bool build_cache_look(struct build_cache *cache, struct layer_form_wanted wanted,
                      struct layer *ret);

/* Keeps LAYER, which was made of CACHE's key. */
void build_cache_keep(struct build_cache *cache, struct layer *layer);

/* Has the layer kept in the shared caches, too, in the background; one that is not in the store is
 * left out. */
void build_cache_share(const struct build_cache *cache);

/* Releases the lock and what else build_cache_find has set. */
void build_cache_free(struct build_cache *cache);

#endif
