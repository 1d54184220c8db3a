#include "host/image/layer_tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/image/layer_intake.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define READ_PIECE (1u << 20)

static struct error *take_file(const char *path, struct store *store,
                               struct layer_intake_result *ret)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(freep) char *piece = xreallocarray(NULL, READ_PIECE, 1);
    CLEANUP(layer_intake_freep) struct layer_intake *intake = NULL;
    ssize_t got;

    if (fd < 0)
        return error_errno(EXIT_OTHER, "open the cache entry '%s'", path);
    TRY(layer_intake_new(path, LAYER_TAR, store, &intake));
    while ((got = read(fd, piece, READ_PIECE)) != 0) {
        if (got < 0 && errno != EINTR)
            return error_errno(EXIT_OTHER, "read the cache entry '%s'", path);
        if (got > 0)
            TRY(layer_intake_write(intake, piece, (size_t)got));
    }
    return layer_intake_finish(STEAL(intake), ret);
}

/* Sets LAYER's size to that of the tar that was found. */
static struct error *measure(struct layer *layer)
{
    struct stat status;

    if (stat(layer->tar_path, &status) < 0)
        return error_errno(EXIT_OTHER, "read the cache entry '%s'", layer->tar_path);
    layer->size = (uint64_t)status.st_size;
    return NULL;
}

struct error *layer_tar_make(struct layer *layer, struct store *store)
{
    CLEANUP(layer_intake_result_free) struct layer_intake_result result = {0};

    if (layer->blob.path == NULL)
        return error_new(EXIT_OTHER, "decompress layer 'sha256:%s': it is no longer in the cache",
                         layer->diff_id.hex);
    store_use(store, layer->blob.path);
    TRY(take_file(layer->blob.path, store, &result));
    if (result.damage != NULL)
        return STEAL(result.damage);
    if (!digest_equal(&result.tar.digest, &layer->diff_id))
        return error_new(EXIT_INPUT,
                         "decompress layer 'sha256:%s': its diff ID is sha256:%s, but the config "
                         "states sha256:%s",
                         layer->blob.digest.hex, result.tar.digest.hex, layer->diff_id.hex);
    layer->size = result.tar.size;
    TRY(store_publish(store, STORE_BLOB, layer->diff_id.hex, result.tar.path, &layer->tar_path));
    freep(&result.tar.path);
    result.tar.path = NULL;
    return NULL;
}

struct error *layer_tar_need(struct layer *layer, struct store *store)
{
    CLEANUP(closep) int lock = -1;

    if (layer->tar_path != NULL)
        return NULL;
    TRY(store_lock(store, STORE_BLOB, layer->diff_id.hex, &lock));
    layer->tar_path = store_find_unchecked(store, STORE_BLOB, layer->diff_id.hex);
    return layer->tar_path != NULL ? measure(layer) : layer_tar_make(layer, store);
}

struct error *layer_tar_use(struct layer *layer, struct store *store)
{
    TRY(layer_tar_need(layer, store));
    store_use(store, layer->tar_path);
    return NULL;
}
