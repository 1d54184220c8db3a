/*
 * The shared caches of a build, as --cache-from, --cache-to and the options about registries name
 * them.
 */
#ifndef VMBUILD_CACHE_OPTIONS_H
#define VMBUILD_CACHE_OPTIONS_H

#include "host/build/shared_cache.h"
#include "host/command/options.h"
#include "host/format/cache_place.h"
#include "host/image/image_request.h"
#include "host/lib/error.h"
#include "host/spec/spec_graph.h"
#include "host/store/store.h"

/* A zeroed one has no caches. */
struct cache_options {
    struct cache_places from, to;
    struct registry_access access; /* borrows from the options */
};

/* Reads OPTIONS for a build of GRAPH. --creds are for the caches only if no other registry could
 * get them. *RET, zeroed, is freed by cache_options_free, also on error. Errors: EXIT_USAGE. */
[[nodiscard]] struct error *cache_options_read(const struct options *options,
                                               const struct spec_graph *graph,
                                               struct cache_options *ret);
void cache_options_free(struct cache_options *caches);

/* Starts what keeps up with CACHES for a build into STORE; see shared_cache_start. */
[[nodiscard]] struct error *cache_options_start(const struct cache_options *caches,
                                                struct store *store, struct shared_cache **ret);

#endif
