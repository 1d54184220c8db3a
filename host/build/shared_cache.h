/*
 * The shared caches of a build (--cache-from, --cache-to): layers of other users and machines, by
 * their keys, in registries (format/layer_artifact.h).
 *
 * A process of its own, forked before the build has threads, reads from them and writes to them. So
 * it can upload a layer though the worker makes no sockets any more once a script has run
 * (confinement.h), and while the image is written; and credentials are in its memory alone.
 *
 * A cache only saves time: whatever is wrong with one is shown in a line, and the build goes on
 * without it.
 */
#ifndef VMBUILD_SHARED_CACHE_H
#define VMBUILD_SHARED_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/format/cache_place.h"
#include "host/image/image_request.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/store/store.h"

struct shared_cache;

/* All borrowed, for as long as the process runs. */
struct shared_cache_options {
    const struct cache_places *from; /* asked in this order */
    const struct cache_places *to;
    const struct registry_access *access;
    struct store *store; /* where layers are taken from and put */
};

/* Starts the process, from one with a single thread. *RET is freed by shared_cache_free; NULL if
 * OPTIONS has no caches. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *shared_cache_start(const struct shared_cache_options *options,
                                               struct shared_cache **ret);

/* Whether there is one that can be asked. */
bool shared_cache_is_asked(const struct shared_cache *cache);

/* Looks for the layer of KEY, no older than OLDEST (seconds since 1970), and puts it and its record
 * (build_cache.h) into the store. Returns whether it is there now. */
bool shared_cache_fetch(struct shared_cache *cache, const struct digest *key, int64_t oldest);

/* Has the layer that the store has for KEY uploaded, as one of the image NAME, in the background.
 * REPLACES: in place of what is there. */
void shared_cache_offer(struct shared_cache *cache, const struct digest *key, const char *name,
                        bool replaces);

/* Waits until what was offered is uploaded. */
void shared_cache_settle(struct shared_cache *cache);

/* Ends the process; accepts NULL. */
void shared_cache_free(struct shared_cache *cache);
static inline void shared_cache_freep(struct shared_cache **cache)
{
    shared_cache_free(*cache);
}

#endif
