#include "layer_writer.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "cleanup.h"
#include "digest.h"
#include "layer_check.h"
#include "memory.h"
#include "tarsum.h"
#include "temporary.h"

#define CHUNK_SIZE (256u << 10)
#define CHUNKS 16
#define CONSUMERS_MAX 3

/* A file under way, with the digest of what it holds. */
struct file {
    char *path;
    int fd; /* below 0: nothing is kept */
    struct sha256 *hash;
    uint64_t size;
};

/* One that reads every chunk, on a thread of its own. After an error it only lets them pass. */
struct consumer {
    struct layer_writer *writer;
    struct error *(*consume)(struct layer_writer *writer, const void *bytes, size_t length);
    pthread_t thread;
    uint64_t consumed; /* chunks */
    struct error *err;
};

/* Chunks go round: filled by the caller, read by every consumer, filled again. */
struct layer_writer {
    struct layer_form_wanted wanted;
    struct layer_check *check;
    struct file tar, blob;
    struct compressor *compressor;
    struct tarsum *tarsum;
    struct consumer consumers[CONSUMERS_MAX];
    size_t consumer_count;
    struct {
        char *bytes;
        size_t length;
    } chunks[CHUNKS];
    uint64_t produced; /* chunks */
    bool ended;        /* no more come */
    bool failed;       /* some consumer has an error */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

static struct error *file_write(struct file *file, const void *bytes, size_t length)
{
    const char *next = bytes;

    file->size += length;
    sha256_update(file->hash, bytes, length);
    while (file->fd >= 0 && length > 0) {
        ssize_t written = write(file->fd, next, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(EXIT_OTHER, "write the layer to '%s'", file->path);
        next += written;
        length -= (size_t)written;
    }
    return NULL;
}

static struct error *write_blob(void *context, const void *bytes, size_t length)
{
    struct layer_writer *writer = context;

    return file_write(&writer->blob, bytes, length);
}

static struct error *consume_tar(struct layer_writer *writer, const void *bytes, size_t length)
{
    return file_write(&writer->tar, bytes, length);
}

static struct error *consume_blob(struct layer_writer *writer, const void *bytes, size_t length)
{
    return compressor_write(writer->compressor, bytes, length);
}

static struct error *consume_tarsum(struct layer_writer *writer, const void *bytes, size_t length)
{
    return tarsum_update(writer->tarsum, bytes, length);
}

static void *run_consumer(void *argument)
{
    struct consumer *consumer = argument;
    struct layer_writer *writer = consumer->writer;

    pthread_mutex_lock(&writer->mutex);
    for (;;) {
        while (consumer->consumed == writer->produced && !writer->ended)
            pthread_cond_wait(&writer->changed, &writer->mutex);
        if (consumer->consumed == writer->produced)
            break;
        size_t slot = consumer->consumed % CHUNKS;

        pthread_mutex_unlock(&writer->mutex);
        if (consumer->err == NULL)
            consumer->err =
                consumer->consume(writer, writer->chunks[slot].bytes, writer->chunks[slot].length);
        pthread_mutex_lock(&writer->mutex);
        writer->failed |= consumer->err != NULL;
        consumer->consumed++;
        pthread_cond_broadcast(&writer->changed);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

static struct error *add_consumer(struct layer_writer *writer,
                                  struct error *(*consume)(struct layer_writer *, const void *,
                                                           size_t))
{
    struct consumer *consumer = &writer->consumers[writer->consumer_count];

    consumer->writer = writer;
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
        writer->blob.hash = sha256_new();
        TRY(temporary_file(dir, "blob", &writer->blob.path, &writer->blob.fd));
        TRY(compressor_new(writer->wanted.compression, (struct sink){write_blob, writer},
                           &writer->compressor));
        TRY(add_consumer(writer, consume_blob));
    }
    if (writer->wanted.tarsum) {
        writer->tarsum = tarsum_new(TARSUM_V1);
        TRY(add_consumer(writer, consume_tarsum));
    }
    return NULL;
}

struct error *layer_writer_new(const char *dir, struct layer_form_wanted wanted,
                               struct layer_writer **ret)
{
    CLEANUP(layer_writer_freep) struct layer_writer *writer = xcalloc(1, sizeof *writer);

    writer->wanted = wanted;
    writer->tar.fd = writer->blob.fd = -1;
    writer->check = layer_check_new();
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->changed, NULL);
    for (size_t i = 0; i < CHUNKS; i++)
        writer->chunks[i].bytes = xcalloc(CHUNK_SIZE, 1);
    TRY(open_parts(writer, dir));
    *ret = STEAL(writer);
    return NULL;
}

/* Return: whether every consumer is at most CHUNKS - 1 chunks behind. */
static bool has_room(const struct layer_writer *writer)
{
    for (size_t i = 0; i < writer->consumer_count; i++)
        if (writer->produced - writer->consumers[i].consumed >= CHUNKS)
            return false;
    return true;
}

/* Hands the chunk that was filled to the consumers and waits for a free one. Return: false where a
 * consumer has failed. */
static bool pass_chunk(struct layer_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    writer->produced++;
    pthread_cond_broadcast(&writer->changed);
    while (!has_room(writer))
        pthread_cond_wait(&writer->changed, &writer->mutex);
    bool failed = writer->failed;
    pthread_mutex_unlock(&writer->mutex);
    writer->chunks[writer->produced % CHUNKS].length = 0;
    return !failed;
}

/* Ends the consumers. Return: the first error that one of them had, or NULL. */
static struct error *stop_consumers(struct layer_writer *writer)
{
    struct error *err = NULL;

    pthread_mutex_lock(&writer->mutex);
    writer->ended = true;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->mutex);
    for (size_t i = 0; i < writer->consumer_count; i++) {
        pthread_join(writer->consumers[i].thread, NULL);
        if (err == NULL)
            err = STEAL(writer->consumers[i].err);
        error_free(writer->consumers[i].err);
    }
    writer->consumer_count = 0;
    return err;
}

/* The checker's error, as one of the guest's. */
static struct error *blame_guest(struct error *err)
{
    if (err != NULL)
        err->code = EXIT_VM;
    return error_context(err, "receive 'layer': the guest sent no valid layer");
}

struct error *layer_writer_write(struct layer_writer *writer, const void *bytes, size_t length)
{
    const char *next = bytes;

    TRY(blame_guest(layer_check_write(writer->check, bytes, length)));
    while (length > 0) {
        size_t slot = writer->produced % CHUNKS, filled = writer->chunks[slot].length;
        size_t piece = length < CHUNK_SIZE - filled ? length : CHUNK_SIZE - filled;

        memcpy(writer->chunks[slot].bytes + filled, next, piece);
        writer->chunks[slot].length += piece;
        next += piece;
        length -= piece;
        if (writer->chunks[slot].length == CHUNK_SIZE && !pass_chunk(writer)) {
            struct error *err = stop_consumers(writer);

            return err != NULL ? err : error_new(EXIT_OTHER, "write the layer: it failed before");
        }
    }
    return NULL;
}

static struct error *write_layer(void *context, const void *bytes, size_t length)
{
    return layer_writer_write(context, bytes, length);
}

struct sink layer_writer_sink(struct layer_writer *writer)
{
    return (struct sink){write_layer, writer};
}

static struct error *file_close(struct file *file)
{
    int fd = file->fd;

    file->fd = -1;
    if (fd >= 0 && close(fd) < 0)
        return error_errno(EXIT_OTHER, "write the layer to '%s'", file->path);
    return NULL;
}

static struct error *finish_parts(struct layer_writer *writer, struct layer *layer)
{
    if (writer->tarsum != NULL)
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
    if (owned->chunks[owned->produced % CHUNKS].length > 0)
        pass_chunk(owned);
    TRY(stop_consumers(owned));
    struct error *err = finish_parts(owned, &layer);

    if (err != NULL) {
        free(layer.tarsum);
        return err;
    }
    layer.size = owned->tar.size;
    sha256_finish(STEAL(owned->tar.hash), &layer.diff_id);
    layer.tar_path = STEAL(owned->tar.path);
    if (owned->wanted.blob) {
        layer.blob.size = owned->blob.size;
        layer.blob.compression = owned->wanted.compression;
        layer.blob.is_own = true;
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
    for (size_t i = 0; i < CHUNKS; i++)
        free(writer->chunks[i].bytes);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}
