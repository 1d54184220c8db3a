#include "host/image/layer_writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "host/image/layer_check.h"
#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/ring.h"
#include "host/lib/stream.h"
#include "host/lib/temporary.h"
#include "host/tar/tarsum.h"

/* A legacy checksum is not worth hashing the zeros of a larger hole, such as that of lastlog with a
 * huge UID. */
#define TARSUM_HOLE_MAX (UINT64_C(1) << 30)

/* Shorter holes are not worth a piece of the ring. */
#define SKIP_LEAST (64u << 10)
static const char zeros[SKIP_LEAST];

/* A file in progress, with the digest of its content. */
struct file {
    char *path;
    const char *name;    /* for errors */
    int fd;              /* below 0: nothing is kept */
    struct sha256 *hash; /* NULL: its digest is not needed */
    uint64_t size;
};

/* A consumer that reads every piece of the tar, on a separate thread, until it fails. */
struct consumer {
    struct layer_writer *writer;
    unsigned int number; /* in the ring */
    struct error *(*consume)(struct layer_writer *writer, const void *bytes, size_t length);
    pthread_t thread;
    struct error *err;
};

struct layer_writer {
    struct layer_form_wanted wanted;
    struct layer_check *check;
    struct file tar, blob;
    struct compressor *compressor;
    struct tarsum *tarsum;
    uint64_t received; /* bytes */
    uint64_t hole;     /* bytes of the hole at hand */
    atomic_bool has_huge_hole;
    struct ring *ring;
    struct consumer consumers[RING_CONSUMERS_MAX];
    unsigned int consumer_count;
    atomic_bool failed; /* a consumer has failed */
};

static struct error *file_append(struct file *file, const void *bytes, size_t length)
{
    file->size += length;
    if (file->hash != NULL)
        sha256_update(file->hash, bytes, length);
    if (file->fd < 0)
        return NULL;
    return ring_is_zeros(bytes) ? file_write_zeros(length, file->fd, file->name)
                                : file_write(bytes, length, file->fd, file->name);
}

static struct error *write_blob(void *context, const void *bytes, size_t length)
{
    struct layer_writer *writer = context;

    return file_append(&writer->blob, bytes, length);
}

static struct error *consume_tar(struct layer_writer *writer, const void *bytes, size_t length)
{
    return file_append(&writer->tar, bytes, length);
}

static struct error *consume_blob(struct layer_writer *writer, const void *bytes, size_t length)
{
    return compressor_write(writer->compressor, bytes, length);
}

static struct error *consume_tarsum(struct layer_writer *writer, const void *bytes, size_t length)
{
    if (atomic_load(&writer->has_huge_hole)) /* it will be given up */
        return NULL;
    return tarsum_update(writer->tarsum, bytes, length);
}

static void *run_consumer(void *argument)
{
    struct consumer *consumer = argument;
    struct ring *ring = consumer->writer->ring;
    const char *piece;
    size_t length;

    while (consumer->err == NULL && (piece = ring_next(ring, consumer->number, &length)) != NULL)
        consumer->err = consumer->consume(consumer->writer, piece, length);
    if (consumer->err != NULL) {
        atomic_store(&consumer->writer->failed, true);
        ring_leave(ring, consumer->number);
    }
    return NULL;
}

static struct error *add_consumer(struct layer_writer *writer,
                                  struct error *(*consume)(struct layer_writer *, const void *,
                                                           size_t))
{
    struct consumer *consumer = &writer->consumers[writer->consumer_count];

    consumer->writer = writer;
    consumer->number = writer->consumer_count;
    consumer->consume = consume;
    int cause = pthread_create(&consumer->thread, NULL, run_consumer, consumer);

    if (cause != 0)
        return error_new(EXIT_OTHER, "start a thread for the layer: %s", strerror(cause));
    writer->consumer_count++;
    return NULL;
}

static struct error *open_parts(struct layer_writer *writer, const char *dir)
{
    writer->tar.hash = sha256_new();
    if (writer->wanted.tar)
        TRY(temporary_file(dir, "layer", &writer->tar.path, &writer->tar.fd));
    TRY(add_consumer(writer, consume_tar));
    if (writer->wanted.blob) {
        if (writer->wanted.blob_digest)
            writer->blob.hash = sha256_new();
        TRY(temporary_file(dir, "blob", &writer->blob.path, &writer->blob.fd));
        TRY(compressor_new(writer->wanted.compression, (struct sink){write_blob, writer},
                           &writer->compressor));
        TRY(add_consumer(writer, consume_blob));
    }
    if (writer->wanted.tarsum) {
        writer->tarsum = tarsum_new(TARSUM_V1, 0);
        TRY(add_consumer(writer, consume_tarsum));
    }
    return NULL;
}

struct error *layer_writer_new(const char *dir, const char *name, struct layer_form_wanted wanted,
                               struct layer_writer **ret)
{
    CLEANUP(layer_writer_freep) struct layer_writer *writer = xcalloc(1, sizeof *writer);

    writer->wanted = wanted;
    writer->tar.fd = writer->blob.fd = -1;
    writer->tar.name = writer->blob.name = name;
    writer->check = layer_check_new();
    writer->ring = ring_new(1u + wanted.blob + wanted.tarsum, (struct sink){0});
    TRY(open_parts(writer, dir));
    *ret = STEAL(writer);
    return NULL;
}

void layer_writer_expect_guest(struct layer_writer *writer, uint64_t disk_size)
{
    layer_check_expect_guest(writer->check, disk_size);
}

void layer_writer_forbid(struct layer_writer *writer, const struct secrets *secrets)
{
    layer_check_forbid(writer->check, secrets);
}

/* Ends the consumers. Returns the first error of any, or NULL. */
static struct error *stop_consumers(struct layer_writer *writer)
{
    struct error *err = NULL;

    ring_end(writer->ring);
    for (size_t i = 0; i < writer->consumer_count; i++) {
        pthread_join(writer->consumers[i].thread, NULL);
        if (err == NULL)
            err = STEAL(writer->consumers[i].err);
        error_free(writer->consumers[i].err);
    }
    writer->consumer_count = 0;
    return err;
}

/* Turns an error of the check into one that blames the guest, unless it is about a secret. */
static struct error *blame_guest(struct error *err)
{
    if (err != NULL && err->code == EXIT_SCRIPT)
        return error_context(err, "check the layer");
    if (err != NULL)
        err->code = EXIT_VM;
    return error_context(err, "receive the layer: the guest sent an invalid layer");
}

/* Counts LENGTH bytes that went into the ring. Returns the error of a consumer that has failed. */
static struct error *end_write(struct layer_writer *writer, uint64_t length)
{
    writer->received += length;
    progress_bytes(writer->received, 0);
    if (!atomic_load(&writer->failed))
        return NULL;
    struct error *err = stop_consumers(writer);

    return err != NULL ? err : error_new(EXIT_OTHER, "write the layer: an earlier write failed");
}

struct error *layer_writer_write(struct layer_writer *writer, const void *bytes, size_t length)
{
    TRY(blame_guest(layer_check_write(writer->check, bytes, length)));
    writer->hole = 0;
    TRY(ring_write(writer->ring, bytes, length));
    return end_write(writer, length);
}

struct error *layer_writer_skip(struct layer_writer *writer, uint64_t length)
{
    TRY(blame_guest(layer_check_skip(writer->check, length)));
    writer->hole = length < SKIP_LEAST ? 0 : writer->hole + length;
    if (writer->hole > TARSUM_HOLE_MAX)
        atomic_store(&writer->has_huge_hole, true);
    TRY(length < SKIP_LEAST ? ring_write(writer->ring, zeros, (size_t)length)
                            : ring_skip(writer->ring, length));
    return end_write(writer, length);
}

static struct error *write_layer(void *context, const void *bytes, size_t length)
{
    return layer_writer_write(context, bytes, length);
}

struct sink layer_writer_sink(struct layer_writer *writer)
{
    return (struct sink){write_layer, writer};
}

static struct error *skip_layer(void *context, uint64_t length)
{
    return layer_writer_skip(context, length);
}

struct sparse_sink layer_writer_sparse_sink(struct layer_writer *writer)
{
    return (struct sparse_sink){write_layer, skip_layer, writer};
}

static struct error *file_close(struct file *file)
{
    int fd = file->fd;

    file->fd = -1;
    if (fd >= 0 && close(fd) < 0)
        return error_errno(EXIT_OTHER, "write '%s'", file->name);
    return NULL;
}

static struct error *finish_parts(struct layer_writer *writer, struct layer *layer)
{
    layer->has_no_tarsum = atomic_load(&writer->has_huge_hole);
    if (writer->tarsum != NULL && !layer->has_no_tarsum)
        TRY(tarsum_finish(STEAL(writer->tarsum), &layer->tarsum));
    if (writer->compressor != NULL)
        TRY(compressor_finish(STEAL(writer->compressor)));
    TRY(file_close(&writer->tar));
    return file_close(&writer->blob);
}

struct error *layer_writer_finish(struct layer_writer *writer, struct layer *ret)
{
    CLEANUP(layer_writer_freep) struct layer_writer *owned = writer;
    struct layer layer = {0};

    TRY(blame_guest(layer_check_finish(owned->check)));
    TRY(ring_flush(owned->ring));
    TRY(stop_consumers(owned));
    struct error *err = finish_parts(owned, &layer);

    if (err != NULL) {
        free(layer.tarsum);
        return err;
    }
    layer.size = owned->tar.size;
    sha256_finish(STEAL(owned->tar.hash), &layer.diff_id);
    layer.tar_path = STEAL(owned->tar.path);
    layer.is_temporary = true;
    if (owned->wanted.blob) {
        layer.blob.size = owned->blob.size;
        layer.blob.compression = owned->wanted.compression;
        layer.blob.is_own = true;
        if (owned->wanted.blob_digest)
            sha256_finish(STEAL(owned->blob.hash), &layer.blob.digest);
        layer.blob.path = STEAL(owned->blob.path);
    }
    *ret = layer;
    return NULL;
}

static void file_free(struct file *file)
{
    closep(&file->fd);
    temporary_removep(&file->path);
    sha256_free(file->hash);
}

void layer_writer_free(struct layer_writer *writer)
{
    if (writer == NULL)
        return;
    error_free(stop_consumers(writer));
    layer_check_free(writer->check);
    compressor_free(writer->compressor);
    tarsum_free(writer->tarsum);
    file_free(&writer->tar);
    file_free(&writer->blob);
    ring_free(writer->ring);
    free(writer);
}
