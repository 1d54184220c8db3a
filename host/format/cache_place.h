/*
 * A shared cache: a repository of a registry, as users name it with --cache-from and --cache-to.
 *
 *     [docker://]HOST/NAME[:TAG]            as Docker and buildah have it
 *     type=registry,ref=HOST/NAME[:TAG]     as BuildKit has it
 *
 * A layer has its key as its tag there, or TAG-KEY, so that a repository can have both images and a
 * cache.
 */
#ifndef VMBUILD_CACHE_PLACE_H
#define VMBUILD_CACHE_PLACE_H

#include <stdatomic.h>
#include <stddef.h>

#include "host/image/reference.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"

struct cache_place {
    char *name;                 /* as it was written, without type and transport */
    struct reference reference; /* its tag is not that of a layer */
    char *prefix;               /* of tags: "TAG-", or "" */
    atomic_bool *is_out;        /* it cannot be reached, or refuses what is asked of it: the rest of
                                   the command does without. All processes share this. */
};

/* A zeroed one is empty. */
struct cache_places {
    struct cache_place *items;
    size_t count;
};

/* Adds the cache that TEXT names to PLACES. Errors: EXIT_USAGE. */
[[nodiscard]] struct error *cache_places_add(struct cache_places *places, const char *text);
void cache_places_free(struct cache_places *places);

/* Returns the tag of the layer of KEY at PLACE; the caller's. */
char *cache_place_tag(const struct cache_place *place, const struct digest *key);

#endif
