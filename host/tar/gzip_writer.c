#include "host/tar/gzip_writer.h"

#include <assert.h>
#include <isa-l.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define LEVEL 1
#define LEVEL_BUFFER_SIZE ISAL_DEF_LVL1_DEFAULT
#define BLOCK_SIZE (512u << 10)
/* ISA-L 2.30 takes the hash of a block's third byte from a register that still contains the address
 * of the stream (isal_deflate_icf_body_hash_hist_*, when there is no history yet). Some blocks then
 * differ from one process to the next: 38 of 60,000 with data chosen to show it, about one in 5,000
 * with real data. Its routine for the last 16 bytes of an input does not do this, so it is given
 * the first 16. */
#define HEAD_SIZE 16
/* What deflate cannot compress grows by less than this; pages that are never touched cost nothing.
 */
#define OUT_SIZE (2 * BLOCK_SIZE)
#define ZEROS_OUT_MAX 4096 /* of a block of zeros, which takes some 600 bytes */
#define THREADS_MAX 4
#define SLOTS (2 * THREADS_MAX)

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)

/* A block, which becomes `out` once `done`. */
struct slot {
    uint8_t *in, *out;
    size_t in_length, out_length;
    bool done;
};

/* Blocks go through the slots in turn: filled and submitted by the caller, taken by the threads,
 * collected by the caller. The counters only grow: collected <= taken <= submitted <= collected +
 * SLOTS. */
struct gzip_writer {
    struct sink sink;
    struct slot slots[SLOTS];
    uint64_t submitted, taken, collected;
    uint32_t crc, size; /* of the input: RFC 1952's CRC32 and ISIZE */
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
    pthread_t threads[THREADS_MAX];
    size_t thread_count;
    bool stop;
    bool header_written;
};

/* ISA-L chooses other matches there. */
#ifdef __x86_64__
#define BYTES ""
#else
#define BYTES "-arm64"
#endif

const char *gzip_writer_version(void)
{
    return "gzip-isal" TEXT(ISAL_MAJOR_VERSION) "." TEXT(ISAL_MINOR_VERSION) "-level" TEXT(
        LEVEL) "-512k" BYTES;
}

/* Whether this CPU has what ISA-L needs for the same bytes as on other hosts. */
static bool has_instructions(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("sse4.2");
#else
    return true;
#endif
}

struct error *gzip_writer_new(struct sink sink, struct gzip_writer **ret)
{
    if (!has_instructions())
        return error_advise(
            error_new(EXIT_OTHER, "compress with 'gzip': this CPU lacks SSE4.2, without which "
                                  "ISA-L does not produce the same bytes as on other hosts"),
            "use --compression zstd or --compression none; inside a virtual machine, "
            "give it a newer CPU model");
    struct gzip_writer *writer = xcalloc(1, sizeof *writer);

    writer->sink = sink;
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->work, NULL);
    pthread_cond_init(&writer->done, NULL);
    *ret = writer;
    return NULL;
}

/* ISA-L's own memory, and what a block of zeros becomes: files have long runs of them. */
struct workspace {
    struct isal_zstream stream;
    uint8_t level_buffer[LEVEL_BUFFER_SIZE];
    uint8_t zeros[ZEROS_OUT_MAX];
    size_t zeros_length; /* 0: not known yet */
};

/* Passes the next LENGTH bytes to STREAM and takes all its output. */
static void deflate(struct isal_zstream *stream, size_t length, uint16_t flush)
{
    stream->avail_in = (uint32_t)length;
    stream->flush = flush;
    int status = isal_deflate(stream);

    /* It fails only on wrong parameters, and stops early only if the output buffer is too small,
     * which is sized for the worst case. */
    assert(status == COMP_OK && stream->avail_in == 0 && stream->avail_out > 0);
}

/* Compresses the block of SLOT, its first bytes separately (HEAD_SIZE). */
static void compress_block(struct slot *slot, struct workspace *workspace)
{
    struct isal_zstream *stream = &workspace->stream;
    size_t head = slot->in_length > HEAD_SIZE ? HEAD_SIZE : 0;

    isal_deflate_init(stream);
    stream->level = LEVEL;
    stream->level_buf = workspace->level_buffer;
    stream->level_buf_size = LEVEL_BUFFER_SIZE;
    stream->gzip_flag = IGZIP_DEFLATE;
    stream->next_in = slot->in;
    stream->next_out = slot->out;
    stream->avail_out = OUT_SIZE;
    if (head > 0)
        deflate(stream, head, SYNC_FLUSH);
    deflate(stream, slot->in_length - head, FULL_FLUSH);
    slot->out_length = OUT_SIZE - stream->avail_out;
}

/* The same with less work for a whole block of zeros. */
static void compress_slot(struct slot *slot, struct workspace *workspace)
{
    bool zeros = slot->in_length == BLOCK_SIZE && isal_zero_detect(slot->in, BLOCK_SIZE) == 0;

    if (zeros && workspace->zeros_length > 0) {
        memcpy(slot->out, workspace->zeros, workspace->zeros_length);
        slot->out_length = workspace->zeros_length;
        return;
    }
    compress_block(slot, workspace);
    if (zeros && slot->out_length <= ZEROS_OUT_MAX) {
        memcpy(workspace->zeros, slot->out, slot->out_length);
        workspace->zeros_length = slot->out_length;
    }
}

static void *work(void *argument)
{
    struct gzip_writer *writer = argument;
    CLEANUP(freep) struct workspace *workspace = xcalloc(1, sizeof *workspace);

    pthread_mutex_lock(&writer->mutex);
    for (;;) {
        while (writer->taken == writer->submitted && !writer->stop)
            pthread_cond_wait(&writer->work, &writer->mutex);
        if (writer->stop)
            break;
        struct slot *slot = &writer->slots[writer->taken++ % SLOTS];

        pthread_mutex_unlock(&writer->mutex);
        compress_slot(slot, workspace);
        pthread_mutex_lock(&writer->mutex);
        slot->done = true;
        pthread_cond_signal(&writer->done);
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

static struct error *start_threads(struct gzip_writer *writer)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = cpus < 1 ? 1 : cpus > THREADS_MAX ? THREADS_MAX : (size_t)cpus;

    while (writer->thread_count < count) {
        int cause = pthread_create(&writer->threads[writer->thread_count], NULL, work, writer);

        if (cause != 0 && writer->thread_count > 0)
            break; /* those that were started are enough */
        if (cause != 0)
            return error_new(EXIT_OTHER, "start a thread for 'gzip': %s", strerror(cause));
        writer->thread_count++;
    }
    return NULL;
}

static struct error *write_header(struct gzip_writer *writer)
{
    static const uint8_t header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};

    if (writer->header_written)
        return NULL;
    writer->header_written = true;
    return writer->sink.write(writer->sink.context, header, sizeof header);
}

/* Writes the oldest submitted block once it is done. WAIT: false to leave it if it is not. */
static struct error *collect(struct gzip_writer *writer, bool wait)
{
    struct slot *slot = &writer->slots[writer->collected % SLOTS];

    pthread_mutex_lock(&writer->mutex);
    while (wait && !slot->done)
        pthread_cond_wait(&writer->done, &writer->mutex);
    bool done = slot->done;

    pthread_mutex_unlock(&writer->mutex);
    if (!done)
        return NULL;
    slot->done = false;
    slot->in_length = 0;
    writer->collected++;
    TRY(write_header(writer));
    return writer->sink.write(writer->sink.context, slot->out, slot->out_length);
}

static struct error *submit(struct gzip_writer *writer)
{
    if (writer->thread_count == 0)
        TRY(start_threads(writer));
    pthread_mutex_lock(&writer->mutex);
    writer->submitted++;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->mutex);
    return collect(writer, writer->submitted - writer->collected == SLOTS);
}

struct error *gzip_writer_write(struct gzip_writer *writer, const void *bytes, size_t length)
{
    const uint8_t *next = bytes;

    writer->crc = crc32_gzip_refl(writer->crc, next, length);
    writer->size += (uint32_t)length; /* modulo 2^32, as RFC 1952 has it */
    while (length > 0) {
        struct slot *slot = &writer->slots[writer->submitted % SLOTS];
        size_t room = BLOCK_SIZE - slot->in_length;
        size_t piece = length < room ? length : room;

        if (slot->in == NULL) {
            slot->in = xcalloc(BLOCK_SIZE, 1);
            slot->out = xcalloc(OUT_SIZE, 1);
        }
        memcpy(slot->in + slot->in_length, next, piece);
        slot->in_length += piece;
        next += piece;
        length -= piece;
        if (slot->in_length == BLOCK_SIZE)
            TRY(submit(writer));
    }
    return NULL;
}

/* The whole input is smaller than a block, and not worth a thread. */
static struct error *write_single_block(struct gzip_writer *writer, struct slot *slot)
{
    CLEANUP(freep) struct workspace *workspace = xcalloc(1, sizeof *workspace);

    compress_block(slot, workspace);
    TRY(write_header(writer));
    return writer->sink.write(writer->sink.context, slot->out, slot->out_length);
}

static void put_le32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

struct error *gzip_writer_finish(struct gzip_writer *writer)
{
    uint8_t end[2 + 8] = {0x03, 0x00}; /* an empty final block of fixed codes */

    struct slot *last = &writer->slots[writer->submitted % SLOTS];

    if (last->in_length > 0 && writer->thread_count == 0)
        TRY(write_single_block(writer, last));
    else if (last->in_length > 0)
        TRY(submit(writer));
    while (writer->collected < writer->submitted)
        TRY(collect(writer, true));
    TRY(write_header(writer));
    put_le32(end + 2, writer->crc);
    put_le32(end + 6, writer->size);
    return writer->sink.write(writer->sink.context, end, sizeof end);
}

void gzip_writer_free(struct gzip_writer *writer)
{
    if (writer == NULL)
        return;
    pthread_mutex_lock(&writer->mutex);
    writer->stop = true;
    pthread_cond_broadcast(&writer->work);
    pthread_mutex_unlock(&writer->mutex);
    for (size_t i = 0; i < writer->thread_count; i++)
        pthread_join(writer->threads[i], NULL);
    for (size_t i = 0; i < SLOTS; i++) {
        free(writer->slots[i].in);
        free(writer->slots[i].out);
    }
    pthread_cond_destroy(&writer->work);
    pthread_cond_destroy(&writer->done);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}
