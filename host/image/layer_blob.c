#include "host/image/layer_blob.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/stream.h"
#include "host/lib/temporary.h"
#include "host/store/store_record.h"

#define PIECE (1u << 20)

/* Where compressed bytes go. */
struct target {
    const char *name; /* for errors */
    int fd;
    struct sha256 *hash;
    uint64_t size;
};

static struct error *write_piece(void *context, const void *bytes, size_t length)
{
    struct target *target = context;

    sha256_update(target->hash, bytes, length);
    target->size += length;
    return file_write(bytes, length, target->fd, target->name);
}

static struct error *compress(const char *path, enum compression compression, struct target *target)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(freep) char *piece = xcalloc(1, PIECE);
    CLEANUP(compressor_freep) struct compressor *compressor = NULL;
    struct sink sink = {write_piece, target};
    ssize_t got;

    if (fd < 0)
        return error_errno(EXIT_OTHER, "read layer '%s'", path);
    TRY(compressor_new(compression, sink, &compressor));
    while ((got = read(fd, piece, PIECE)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(EXIT_OTHER, "read layer '%s'", path);
        TRY(compressor_write(compressor, piece, (size_t)got));
    }
    return compressor_finish(STEAL(compressor));
}

/* The kind of record that leads from a diff ID to the digest; the caller's. */
static char *record_kind(enum compression compression)
{
    CLEANUP(freep) char *version = compression_version(compression);

    return xasprintf("blob-%s", version);
}

/* Looks for a blob that was made before. *RET's path stays NULL if there is none. */
static void find(const char *kind, const struct digest *diff_id, struct store *store,
                 struct layer_blob *ret)
{
    CLEANUP(json_freep) struct json *record = store_record_get(store, kind, diff_id->hex);
    struct stat status;

    if (record == NULL || record->type != JSON_STRING || !digest_is_hex(record->text))
        return;
    CLEANUP(freep) char *path = store_find_unchecked(store, STORE_BLOB, record->text);
    CLEANUP(freep) char *text = xasprintf(DIGEST_PREFIX "%s", record->text);

    if (path == NULL || stat(path, &status) != 0)
        return;
    struct error *err = digest_parse(text, &ret->digest);

    if (err == NULL) {
        ret->size = (uint64_t)status.st_size;
        ret->path = STEAL(path);
    }
    error_free(err);
}

static struct error *make(const char *tar_path, enum compression compression, struct store *store,
                          struct layer_blob *ret)
{
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    store_use(store, tar_path);
    TRY(store_temporary(store, &temporary, &fd));
    struct target target = {.name = temporary, .fd = fd, .hash = sha256_new()};
    struct error *err = compress(tar_path, compression, &target);

    sha256_finish(target.hash, &ret->digest);
    TRY(err);
    if (close(steal_fd(&fd)) != 0)
        return error_errno(EXIT_OTHER, "write to the cache '%s'", store_folder(store));
    ret->size = target.size;
    return store_publish(store, STORE_BLOB, ret->digest.hex, temporary, &ret->path);
}

bool layer_blob_find(const struct digest *diff_id, enum compression compression,
                     struct store *store, struct layer_blob *ret)
{
    CLEANUP(freep) char *kind = record_kind(compression);
    struct layer_blob blob = {0};

    find(kind, diff_id, store, &blob);
    if (blob.path == NULL)
        return false;
    *ret = blob;
    return true;
}

void layer_blob_record(const struct digest *diff_id, enum compression compression,
                       const struct digest *digest, struct store *store)
{
    CLEANUP(freep) char *kind = record_kind(compression);
    CLEANUP(json_freep) struct json *record = json_string(digest->hex);

    store_record_put(store, kind, diff_id->hex, record);
}

void layer_blob_use(const struct digest *diff_id, enum compression compression, struct store *store)
{
    CLEANUP(freep) char *kind = record_kind(compression);
    struct layer_blob blob = {0};

    find(kind, diff_id, store, &blob);
    store_use(store, blob.path);
    free(blob.path);
}

struct error *layer_blob_get(const char *tar_path, const struct digest *diff_id,
                             enum compression compression, struct store *store,
                             struct layer_blob *ret)
{
    CLEANUP(freep) char *kind = record_kind(compression);
    struct layer_blob blob = {0};

    find(kind, diff_id, store, &blob);
    if (blob.path == NULL) {
        TRY(make(tar_path, compression, store, &blob));
        layer_blob_record(diff_id, compression, &blob.digest, store);
    }
    *ret = blob;
    return NULL;
}
