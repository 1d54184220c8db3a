#include "host/build/build_cache.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/image/kept_layer.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/store/store_record.h"
#include "host/tree/contents_manifest.h"

#define BUILDS "builds"
#define NAMES "names"

/* A longer manifest is not kept: the record could not be read again. */
#define MANIFEST_MAX (JSON_SIZE_MAX / 2)

/* The key of the record of CACHE's name. */
static void name_key(const struct build_cache *cache, struct digest *ret)
{
    digest_of(cache->name, strlen(cache->name), ret);
}

/* Returns the record of the key that the image had last, the caller's; NULL if there is none. */
static struct json *find_earlier(const struct build_cache *cache)
{
    struct digest name;

    name_key(cache, &name);
    CLEANUP(json_freep) struct json *last = store_record_get(cache->store, NAMES, name.hex);

    if (last == NULL || last->type != JSON_STRING || !digest_is_hex(last->text))
        return NULL;
    return store_record_get(cache->store, BUILDS, last->text);
}

/* Records that the image has CACHE's key now. */
static void note_name(const struct build_cache *cache)
{
    struct digest name;

    name_key(cache, &name);
    CLEANUP(json_freep) struct json *last = store_record_get(cache->store, NAMES, name.hex);
    CLEANUP(json_freep) struct json *key = json_string(cache->key->digest.hex);

    if (last == NULL || last->type != JSON_STRING || strcmp(last->text, key->text) != 0)
        store_record_put(cache->store, NAMES, name.hex, key);
}

/* Whether the part NAME of both keys is the same; one that is missing differs. */
static bool is_same(const struct json *before, const struct json *after, const char *name)
{
    const char *old = json_get_string(before, name), *new = json_get_string(after, name);

    return old != NULL && new != NULL &&strcmp(old, new) == 0;
}

/* Returns in words how CACHE's key differs from EARLIER's; NULL if it does not. The caller's. */
static char *compare(const struct build_cache *cache, const struct json *earlier)
{
    const struct json *before = json_get(earlier, "parts"), *after = cache->key->parts;
    const char *manifest = json_get_string(earlier, "contents");

    if (manifest != NULL && !is_same(before, after, "contents")) {
        CLEANUP(freep)
        char *difference = contents_manifest_difference(manifest, cache->key->contents);

        return difference != NULL ? xasprintf("contents %s", difference)
                                  : xstrdup("contents changed");
    }
    for (size_t i = 0; i < after->count; i++)
        if (!is_same(before, after, after->keys[i]))
            return xasprintf("%s changed", after->keys[i]);
    for (size_t i = 0; before != NULL && i < before->count; i++)
        if (json_get(after, before->keys[i]) == NULL)
            return xasprintf("%s changed", before->keys[i]);
    return NULL;
}

/* Returns the age of what RECORD describes, in seconds. */
static int64_t age_of(const struct json *record)
{
    uint64_t made = 0;

    json_to_unsigned(json_get(record, "made"), INT64_MAX, &made);
    return (int64_t)time(NULL) - (int64_t)made;
}

/* Looks for the layer. Returns whether *RET is it; if it was there but cannot be taken, the reason
 * is set. */
static bool look(struct build_cache *cache, struct layer_form_wanted wanted, struct layer *ret)
{
    CLEANUP(json_freep)
    struct json *record =
        store_record_get(cache->store, BUILD_CACHE_LAYERS, cache->key->digest.hex);

    if (record == NULL)
        return false;
    freep(&cache->reason);
    cache->reason = NULL;
    if (cache->max_age != BUILD_CACHE_NO_LIMIT && age_of(record) > cache->max_age)
        cache->reason = xasprintf("made %" PRId64 " seconds ago", age_of(record));
    else if (!kept_layer_get(record, wanted, cache->store, ret))
        cache->reason = xstrdup("its layer is no longer in the cache");
    return cache->reason == NULL;
}

/* The same in the shared caches. */
static bool look_elsewhere(struct build_cache *cache, struct layer_form_wanted wanted,
                           struct layer *ret)
{
    int64_t oldest =
        cache->max_age != BUILD_CACHE_NO_LIMIT ? (int64_t)time(NULL) - cache->max_age : INT64_MIN;

    return shared_cache_is_asked(cache->shared) &&
           shared_cache_fetch(cache->shared, &cache->key->digest, oldest) &&
           look(cache, wanted, ret);
}

/* Sets the reason why the layer is to be made, unless there is one. */
static void find_reason(struct build_cache *cache)
{
    CLEANUP(json_freep) struct json *earlier = NULL;

    if (cache->reason != NULL)
        return;
    earlier = find_earlier(cache);
    if (earlier != NULL)
        cache->reason = compare(cache, earlier);
    else if (shared_cache_is_asked(cache->shared))
        cache->reason = xstrdup("not in the shared cache");
}

bool build_cache_look(struct build_cache *cache, struct layer_form_wanted wanted, struct layer *ret)
{
    return cache->key->obstacle == NULL && !cache->rebuild &&
           (look(cache, wanted, ret) || look_elsewhere(cache, wanted, ret));
}

struct error *build_cache_find(struct build_cache *cache, struct layer_form_wanted wanted,
                               struct layer *ret, bool *ret_found)
{
    CLEANUP(freep) char *lock = xasprintf("builds/%s", cache->key->digest.hex);

    cache->lock = -1;
    *ret_found = false;
    if (cache->key->obstacle != NULL) {
        cache->reason = xstrdup(cache->key->obstacle);
        return NULL;
    }
    if (cache->rebuild) {
        cache->reason = xstrdup("--rebuild");
        return NULL;
    }
    *ret_found = look(cache, wanted, ret);
    if (!*ret_found) {
        TRY(store_lock(cache->store, STORE_DERIVED, lock, &cache->lock));
        *ret_found = look(cache, wanted, ret) || look_elsewhere(cache, wanted, ret);
    }
    cache->is_kept = *ret_found;
    if (*ret_found)
        note_name(cache);
    else
        find_reason(cache);
    return NULL;
}

/* Records the parts of CACHE's key. */
static void record_key(const struct build_cache *cache)
{
    const struct build_key *key = cache->key;
    CLEANUP(json_freep) struct json *record = json_object();

    json_set(record, "parts", json_copy(key->parts));
    if (strlen(key->contents) <= MANIFEST_MAX)
        json_set(record, "contents", json_string(key->contents));
    store_record_put(cache->store, BUILDS, key->digest.hex, record);
}

void build_cache_keep(struct build_cache *cache, struct layer *layer)
{
    if (cache->key->obstacle != NULL || !kept_layer_put(layer, cache->store))
        return;
    CLEANUP(json_freep) struct json *record = kept_layer_describe(layer);

    json_set(record, "made", json_integer(time(NULL)));
    record_key(cache);
    store_record_put(cache->store, BUILD_CACHE_LAYERS, cache->key->digest.hex, record);
    note_name(cache);
    cache->is_kept = true;
}

void build_cache_share(const struct build_cache *cache)
{
    if (cache->shared != NULL && cache->is_kept)
        shared_cache_offer(cache->shared, &cache->key->digest, cache->name, cache->rebuild);
}

void build_cache_free(struct build_cache *cache)
{
    closep(&cache->lock);
    cache->lock = -1;
    free(cache->reason);
    cache->reason = NULL;
}
