#include "host/image/kept_layer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/image/layer_blob.h"
#include "host/image/layer_tar.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/tar/compression.h"
#include "host/tar/tarsum.h"

#define PIECE (1u << 20)

/* The compressions that layers are made with. */
static const enum compression compressions[] = {COMPRESSION_GZIP, COMPRESSION_ZSTD};

/* Whether a file can be renamed from PATH into STORE. */
static bool is_beside(const char *path, struct store *store)
{
    struct stat file, folder;

    return stat(path, &file) == 0 && stat(store_folder(store), &folder) == 0 &&
           file.st_dev == folder.st_dev;
}

/* Copies the file PATH into STORE as the blob DIGEST. */
static struct error *copy_in(const char *path, const struct digest *digest, struct store *store)
{
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(store_temporary(store, &temporary, &fd));
    TRY(file_copy_sparse(path, fd, temporary));
    return store_publish(store, STORE_BLOB, digest->hex, temporary, NULL);
}

/* Moves the temporary *PATH into STORE as the blob DIGEST. */
static struct error *move_in(char **path, const struct digest *digest, struct store *store)
{
    char *kept = NULL;

    TRY(store_publish(store, STORE_BLOB, digest->hex, *path, &kept));
    temporary_remove(*path); /* from the table */
    free(*path);
    *path = kept;
    return NULL;
}

bool kept_layer_put(struct layer *layer, struct store *store)
{
    bool is_blob = layer->blob.path != NULL;
    char **path = is_blob ? &layer->blob.path : &layer->tar_path;
    const struct digest *digest = is_blob ? &layer->blob.digest : &layer->diff_id;
    struct error *err = NULL;

    if (is_beside(*path, store)) {
        err = move_in(path, digest, store);
        layer->is_temporary = err != NULL;
    } else {
        err = copy_in(*path, digest, store);
    }
    if (err != NULL && is_beside(*path, store)) { /* but perhaps in another mount */
        error_free(err);
        (void)chmod(*path, 0600); /* it may be an entry's, which cannot be used up */
        err = copy_in(*path, digest, store);
    }
    if (err != NULL)
        progress_detail("the layer is not kept: %s", err->message);
    bool kept = err == NULL;

    error_free(err);
    if (kept && is_blob)
        layer_blob_record(&layer->diff_id, layer->blob.compression, digest, store);
    return kept;
}

struct json *kept_layer_describe(const struct layer *layer)
{
    struct json *record = json_object();

    json_set(record, "diffId", json_string(layer->diff_id.hex));
    json_set(record, "size", json_integer((int64_t)layer->size));
    if (layer->tarsum != NULL)
        json_set(record, "tarsum", json_string(layer->tarsum));
    json_set(record, "hasNoTarsum", json_boolean(layer->has_no_tarsum));
    return record;
}

/* Sets the blob of LAYER to the one of COMPRESSION in STORE. Returns false if there is none. */
static bool find_blob(struct layer *layer, enum compression compression, struct store *store)
{
    struct layer_blob blob = {0};

    if (compression == COMPRESSION_NONE ||
        !layer_blob_find(&layer->diff_id, compression, store, &blob))
        return false;
    layer->blob.path = blob.path;
    layer->blob.digest = blob.digest;
    layer->blob.size = blob.size;
    layer->blob.compression = compression;
    layer->blob.is_own = true;
    return true;
}

/* Finds the tar of LAYER, or makes it from a blob. */
static bool find_tar(struct layer *layer, struct store *store)
{
    layer->tar_path = store_find_unchecked(store, STORE_BLOB, layer->diff_id.hex);
    for (size_t i = 0; layer->tar_path == NULL && i < sizeof compressions / sizeof *compressions;
         i++) {
        CLEANUP(error_freep) struct error *err = NULL;

        if (layer->blob.path == NULL && !find_blob(layer, compressions[i], store))
            continue;
        err = layer_tar_need(layer, store);
    }
    return layer->tar_path != NULL;
}

/* Sums the tar PATH. */
static struct error *sum(const char *path, char **ret)
{
    CLEANUP(tarsum_freep) struct tarsum *tarsum = tarsum_new(TARSUM_V1, 0);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(freep) char *piece = xreallocarray(NULL, PIECE, 1);
    ssize_t got;

    while ((got = read(fd, piece, PIECE)) != 0) {
        if (got < 0 && errno != EINTR)
            return error_errno(EXIT_OTHER, "read '%s'", path);
        if (got > 0)
            TRY(tarsum_update(tarsum, piece, (size_t)got));
    }
    return tarsum_finish(STEAL(tarsum), ret);
}

/* Sets LAYER's tarsum to that of RECORD, or makes it. */
static bool find_tarsum(const struct json *record, struct layer *layer, struct store *store)
{
    const char *tarsum = json_get_string(record, "tarsum");
    const struct json *none = json_get(record, "hasNoTarsum");

    layer->has_no_tarsum = none != NULL && none->type == JSON_BOOLEAN && none->boolean;
    if (tarsum != NULL)
        layer->tarsum = xstrdup(tarsum);
    if (tarsum != NULL || layer->has_no_tarsum)
        return true;
    if (layer->tar_path == NULL && !find_tar(layer, store))
        return false;
    store_use(store, layer->tar_path);
    CLEANUP(error_freep) struct error *err = sum(layer->tar_path, &layer->tarsum);

    return err == NULL;
}

/* Finds the forms of LAYER that are WANTED. What it has else would be taken for one of them. */
static bool find_forms(struct layer_form_wanted wanted, struct layer *layer, struct store *store)
{
    if (wanted.blob && find_blob(layer, wanted.compression, store)) {
        store_use(store, layer->blob.path);
        return true;
    }
    if (!find_tar(layer, store))
        return false;
    free(layer->blob.path);
    memset(&layer->blob, 0, sizeof layer->blob);
    store_use(store, layer->tar_path);
    return true;
}

/* Reads what RECORD tells of LAYER, which is zeroed. */
static bool read_record(const struct json *record, struct layer *layer)
{
    const char *diff_id = json_get_string(record, "diffId");

    if (diff_id == NULL || !digest_is_hex(diff_id) ||
        !json_to_unsigned(json_get(record, "size"), IMAGE_LAYER_SIZE_MAX, &layer->size))
        return false;
    memcpy(layer->diff_id.hex, diff_id, sizeof layer->diff_id.hex);
    return true;
}

bool kept_layer_get(const struct json *record, struct layer_form_wanted wanted, struct store *store,
                    struct layer *ret)
{
    CLEANUP(layer_free) struct layer layer = {0};

    if (!read_record(record, &layer) || !find_forms(wanted, &layer, store) ||
        (wanted.tarsum && !find_tarsum(record, &layer, store)))
        return false;
    *ret = layer;
    layer = (struct layer){0};
    return true;
}

/* Makes the blob of LAYER from its tar. */
static struct error *make_blob(struct layer *layer, struct store *store)
{
    struct layer_blob blob = {0};

    TRY(layer_blob_get(layer->tar_path, &layer->diff_id, COMPRESSION_GZIP, store, &blob));
    layer->blob.path = blob.path;
    layer->blob.digest = blob.digest;
    layer->blob.size = blob.size;
    layer->blob.compression = COMPRESSION_GZIP;
    layer->blob.is_own = true;
    return NULL;
}

struct error *kept_layer_get_blob(const struct json *record, struct store *store, struct layer *ret)
{
    CLEANUP(layer_free) struct layer layer = {0};
    bool is_there = read_record(record, &layer);
    bool is_blob = false;

    for (size_t i = 0; is_there && !is_blob && i < sizeof compressions / sizeof *compressions; i++)
        is_blob = find_blob(&layer, compressions[i], store);
    if (!is_there || (!is_blob && !find_tar(&layer, store)))
        return error_new(EXIT_OTHER, "find the layer in the cache '%s': it is gone",
                         store_folder(store));
    if (!is_blob)
        TRY(make_blob(&layer, store));
    store_use(store, layer.blob.path);
    *ret = layer;
    layer = (struct layer){0};
    return NULL;
}
