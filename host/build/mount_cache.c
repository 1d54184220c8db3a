#include "host/build/mount_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/file_system.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/machine/scratch_disk.h"

#define SIZE (UINT64_C(10) << 30) /* bytes; the disk is sparse */

static void make_key(const char *id, char *ret)
{
    CLEANUP(freep) char *text = xasprintf("cache mount %s", id);
    struct digest key;

    digest_of(text, strlen(text), &key);
    memcpy(ret, key.hex, sizeof key.hex);
}

/* Fills the temporary PATH with the disk of CACHE, or an empty one. */
static struct error *fill(const struct mount_cache *cache, struct store *store, const char *path,
                          int fd)
{
    CLEANUP(freep) char *found = store_find(store, STORE_MOUNT, cache->key);

    return found != NULL ? file_copy_sparse(found, fd, path) : scratch_disk_make(path, SIZE);
}

/* A mount of a cache, by its number. */
struct wanted {
    const struct spec_mount *mount;
    size_t number;
    char key[DIGEST_HEX_LENGTH + 1];
};

static int compare_keys(const void *one, const void *other)
{
    return strcmp(((const struct wanted *)one)->key, ((const struct wanted *)other)->key);
}

/* Makes the disk of WANTED. */
static struct error *open_cache(const struct wanted *wanted, struct store *store,
                                struct mount_caches *caches)
{
    size_t i = caches->count++;
    struct mount_cache *cache = &caches->items[i];
    CLEANUP(closep) int lock = -1, fd = -1;
    const char *folder;

    *cache = (struct mount_cache){.lock = -1};
    memcpy(cache->key, wanted->key, sizeof cache->key);
    caches->serials[i] = xasprintf("%s%zu", GUEST_DISK_CACHE, wanted->number);
    TRY(store_lock(store, STORE_MOUNT, cache->key, &lock));
    TRY(temporary_run_folder(&folder));
    TRY(temporary_file(folder, "cache", &caches->paths[i], &fd));
    TRY(error_context(fill(cache, store, caches->paths[i], fd), "make the cache '%s'",
                      wanted->mount->id));
    if (wanted->mount->is_locked)
        cache->lock = steal_fd(&lock);
    return NULL;
}

/* Every build locks them in the same order, so that no two wait for each other. */
struct error *mount_caches_open(const struct spec_mounts *mounts, struct store *store,
                                struct mount_caches *ret)
{
    CLEANUP(freep) struct wanted *wanted = xcalloc(mounts->count, sizeof *wanted);
    size_t count = 0;

    ret->items = xcalloc(mounts->count, sizeof *ret->items);
    ret->paths = xcalloc(mounts->count, sizeof *ret->paths);
    ret->serials = xcalloc(mounts->count, sizeof *ret->serials);
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->items[i].kind == SPEC_MOUNT_CACHE) {
            wanted[count] = (struct wanted){.mount = &mounts->items[i], .number = i};
            make_key(mounts->items[i].id, wanted[count++].key);
        }
    qsort(wanted, count, sizeof *wanted, compare_keys);
    for (size_t i = 0; i < count; i++)
        TRY(open_cache(&wanted[i], store, ret));
    return NULL;
}

static struct error *publish(const struct mount_cache *cache, const char *path, struct store *store)
{
    CLEANUP(temporary_removep) char *copy = NULL;
    CLEANUP(closep) int to = -1, lock = -1;

    if (cache->lock < 0)
        TRY(store_lock(store, STORE_MOUNT, cache->key, &lock));
    TRY(store_temporary(store, &copy, &to));
    TRY(file_system_explain(error_context(file_copy_sparse(path, to, copy),
                                          "copy a cache mount to the cache '%s'",
                                          store_folder(store)),
                            store_folder(store)));
    return store_publish(store, STORE_MOUNT, cache->key, copy, NULL);
}

struct error *mount_caches_publish(struct mount_caches *caches, struct store *store)
{
    for (size_t i = 0; i < caches->count; i++) {
        TRY(publish(&caches->items[i], caches->paths[i], store));
        closep(&caches->items[i].lock);
        caches->items[i].lock = -1;
    }
    return NULL;
}

void mount_caches_free(struct mount_caches *caches)
{
    for (size_t i = 0; i < caches->count; i++) {
        closep(&caches->items[i].lock);
        if (caches->paths[i] != NULL)
            temporary_remove(caches->paths[i]);
        free(caches->paths[i]);
        free(caches->serials[i]);
    }
    free(caches->items);
    free(caches->paths);
    free(caches->serials);
    *caches = (struct mount_caches){0};
}
