#include "host/image/layer_intake.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/image/image.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/ring.h"
#include "host/lib/stream.h"
#include "host/lib/temporary.h"
#include "host/tar/decompression.h"

enum { CONSUMER_HASH, CONSUMER_DECOMPRESS };

/* One form on its way: its pieces go to the file, and through RING to the thread that hashes. */
struct stream {
    struct ring *ring;
    struct layer_intake_form form;
    int fd; /* below 0 if it is not written */
    pthread_t hasher;
    bool has_hasher;
};

struct layer_intake {
    char *name;
    unsigned int wanted;
    struct store *store;
    bool started; /* the compression is known and the threads run */
    struct stream blob;
    struct stream tar; /* only of compressed bytes */
    struct layer_intake_result result;
    pthread_t decompressing;
    bool has_decompressing;
    struct error *write_error; /* of the thread that decompresses */
};

/* Thread: hashes all pieces of a stream. */
static void *hash_stream(void *argument)
{
    struct stream *stream = argument;
    struct sha256 *hash = sha256_new();
    const char *piece;
    size_t length;

    while ((piece = ring_next(stream->ring, CONSUMER_HASH, &length)) != NULL)
        sha256_update(hash, piece, length);
    sha256_finish(hash, &stream->form.digest);
    return NULL;
}

static struct error *start_thread(pthread_t *ret, bool *ret_started, void *(*work)(void *),
                                  void *argument)
{
    errno = pthread_create(ret, NULL, work, argument);
    if (errno != 0)
        return error_errno(EXIT_OTHER, "start a thread");
    *ret_started = true;
    return NULL;
}

/* sink_write: takes the stream's next piece, before it goes through the ring. */
static struct error *keep_piece(void *context, const void *bytes, size_t length)
{
    struct stream *stream = context;

    if (stream->fd >= 0)
        TRY(file_write_sparse(bytes, length, stream->fd, stream->form.path));
    stream->form.size += length;
    return NULL;
}

/* source_read: hands what the blob's ring holds to the decompressor. */
struct ring_source {
    struct ring *ring;
    const char *piece;
    size_t left;
};

static ssize_t read_ring(void *context, void *buffer, size_t capacity, struct error **err)
{
    struct ring_source *source = context;

    (void)err;
    if (source->left == 0)
        source->piece = ring_next(source->ring, CONSUMER_DECOMPRESS, &source->left);
    if (source->piece == NULL)
        return 0;
    size_t length = source->left < capacity ? source->left : capacity;

    memcpy(buffer, source->piece, length);
    source->piece += length;
    source->left -= length;
    return (ssize_t)length;
}

/* Decompresses until the end. Returns why the bytes are damaged, or NULL; write errors go to
 * INTAKE->write_error. */
static struct error *decompress_all(struct layer_intake *intake, struct ring_source *ring_source)
{
    CLEANUP(decompressor_freep) struct decompressor *decompressor = NULL;
    struct source source = {.read = read_ring, .context = ring_source};
    uint64_t size = 0;

    TRY(decompressor_new(intake->name, source, &decompressor));
    for (;;) {
        const void *bytes;
        size_t length = 0;

        TRY(decompressor_read(decompressor, &bytes, &length));
        if (length == 0)
            return NULL;
        size += length;
        if (size > IMAGE_LAYER_SIZE_MAX)
            return error_new(EXIT_INPUT, "decompress '%s': larger than %llu bytes", intake->name,
                             (unsigned long long)IMAGE_LAYER_SIZE_MAX);
        intake->write_error = ring_write(intake->tar.ring, bytes, length);
        if (intake->write_error != NULL)
            return NULL;
    }
}

/* Thread: decompresses the blob's pieces into the tar's stream. */
static void *decompress_stream(void *argument)
{
    struct layer_intake *intake = argument;
    struct ring_source source = {.ring = intake->blob.ring};

    intake->result.damage = decompress_all(intake, &source);
    if (intake->write_error == NULL)
        intake->write_error = ring_flush(intake->tar.ring);
    ring_leave(intake->blob.ring, CONSUMER_DECOMPRESS);
    ring_end(intake->tar.ring);
    return NULL;
}

static struct error *open_file(struct layer_intake *intake, struct stream *stream)
{
    return store_temporary(intake->store, &stream->form.path, &stream->fd);
}

/* Starts the threads; the blob begins with the LENGTH bytes at PIECE. */
static struct error *start(struct layer_intake *intake, const void *piece, size_t length)
{
    enum compression compression = decompression_sniff(piece, length);
    bool compressed = compression != COMPRESSION_NONE;
    unsigned int blob_form = compressed ? LAYER_BLOB : LAYER_BLOB | LAYER_TAR;

    intake->started = true;
    intake->result.compression = compression;
    if (intake->wanted & blob_form)
        TRY(open_file(intake, &intake->blob));
    if (compressed) {
        intake->tar.ring = ring_new(1, (struct sink){keep_piece, &intake->tar});
        if (intake->wanted & LAYER_TAR)
            TRY(open_file(intake, &intake->tar));
        TRY(start_thread(&intake->tar.hasher, &intake->tar.has_hasher, hash_stream, &intake->tar));
        TRY(start_thread(&intake->decompressing, &intake->has_decompressing, decompress_stream,
                         intake));
    } else {
        ring_leave(intake->blob.ring, CONSUMER_DECOMPRESS);
    }
    return start_thread(&intake->blob.hasher, &intake->blob.has_hasher, hash_stream, &intake->blob);
}

/* sink_write: takes the blob's next piece. The first one determines the compression. */
static struct error *take_piece(void *context, const void *bytes, size_t length)
{
    struct layer_intake *intake = context;

    if (!intake->started)
        TRY(start(intake, bytes, length));
    return keep_piece(&intake->blob, bytes, length);
}

struct error *layer_intake_new(const char *name, unsigned int wanted, struct store *store,
                               struct layer_intake **ret)
{
    struct layer_intake *intake = xcalloc(1, sizeof *intake);

    intake->name = xstrdup(name);
    intake->wanted = wanted;
    intake->store = store;
    intake->blob.fd = -1;
    intake->tar.fd = -1;
    intake->blob.ring = ring_new(2, (struct sink){take_piece, intake});
    *ret = intake;
    return NULL;
}

struct error *layer_intake_write(struct layer_intake *intake, const void *bytes, size_t length)
{
    return ring_write(intake->blob.ring, bytes, length);
}

/* Ends the streams and waits for the threads. */
static void join(struct layer_intake *intake)
{
    ring_end(intake->blob.ring);
    if (intake->has_decompressing)
        pthread_join(intake->decompressing, NULL);
    if (intake->tar.ring != NULL)
        ring_end(intake->tar.ring);
    if (intake->blob.has_hasher)
        pthread_join(intake->blob.hasher, NULL);
    if (intake->tar.has_hasher)
        pthread_join(intake->tar.hasher, NULL);
    intake->has_decompressing = intake->blob.has_hasher = intake->tar.has_hasher = false;
}

static struct error *close_file(struct stream *stream)
{
    if (stream->fd >= 0 && close(steal_fd(&stream->fd)) < 0)
        return error_errno(EXIT_OTHER, "write the cache entry '%s'", stream->form.path);
    return NULL;
}

static struct error *finish(struct layer_intake *intake, struct layer_intake_result *ret)
{
    TRY(ring_flush(intake->blob.ring));
    if (!intake->started)
        TRY(start(intake, "", 0));
    join(intake);
    if (intake->write_error != NULL)
        return STEAL(intake->write_error);
    TRY(close_file(&intake->blob));
    TRY(close_file(&intake->tar));
    *ret = intake->result;
    intake->result.damage = NULL;
    ret->blob = intake->blob.form;
    intake->blob.form.path = NULL;
    if (ret->compression == COMPRESSION_NONE) {
        ret->tar = ret->blob;
        ret->blob.path = NULL;
    } else {
        ret->tar = intake->tar.form;
        intake->tar.form.path = NULL;
    }
    return NULL;
}

struct error *layer_intake_finish(struct layer_intake *intake, struct layer_intake_result *ret)
{
    CLEANUP(layer_intake_freep) struct layer_intake *owned = intake;

    return finish(owned, ret);
}

void layer_intake_free(struct layer_intake *intake)
{
    if (intake == NULL)
        return;
    join(intake);
    closep(&intake->blob.fd);
    closep(&intake->tar.fd);
    temporary_removep(&intake->blob.form.path);
    temporary_removep(&intake->tar.form.path);
    error_free(intake->result.damage);
    error_free(intake->write_error);
    ring_free(intake->blob.ring);
    ring_free(intake->tar.ring);
    free(intake->name);
    free(intake);
}

void layer_intake_result_free(struct layer_intake_result *result)
{
    temporary_removep(&result->blob.path);
    temporary_removep(&result->tar.path);
    error_free(result->damage);
    *result = (struct layer_intake_result){0};
}
