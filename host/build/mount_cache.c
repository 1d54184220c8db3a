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

/* Makes the disk of the mount NUMBER. */
static struct error *open_cache(const struct spec_mount *mount, size_t number, struct store *store,
                                struct mount_caches *caches)
{
    struct mount_cache *cache = &caches->items[caches->count];
    CLEANUP(closep) int lock = -1, fd = -1;
    const char *folder;

    *cache = (struct mount_cache){.lock = -1};
    make_key(mount->id, cache->key);
    caches->serials[caches->count] = xasprintf("%s%zu", GUEST_DISK_CACHE, number);
    caches->paths[caches->count++] = NULL;
    TRY(store_lock(store, STORE_MOUNT, cache->key, &lock));
    TRY(temporary_run_folder(&folder));
    TRY(temporary_file(folder, "cache", &caches->paths[caches->count - 1], &fd));
    TRY(error_context(fill(cache, store, caches->paths[caches->count - 1], fd),
                      "make the cache '%s'", mount->id));
    if (mount->is_locked)
        cache->lock = steal_fd(&lock);
    return NULL;
}

struct error *mount_caches_open(const struct spec_mounts *mounts, struct store *store,
                                struct mount_caches *ret)
{
    ret->items = xcalloc(mounts->count, sizeof *ret->items);
    ret->paths = xcalloc(mounts->count, sizeof *ret->paths);
    ret->serials = xcalloc(mounts->count, sizeof *ret->serials);
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->items[i].kind == SPEC_MOUNT_CACHE)
            TRY(open_cache(&mounts->items[i], i, store, ret));
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
