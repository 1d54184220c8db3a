#include "host/tar/gzip_reader.h"

#include <isa-l.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "host/lib/memory.h"

#define INPUT_SIZE (256u << 10) /* bytes requested from the source at a time */
#define OUTPUT_SIZE (256u << 10)
#define TRAILER_SIZE 8 /* CRC32 and ISIZE */
#define GZIP_WINDOW                                                                                \
    (MAX_WBITS + 16) /* zlib.h: the largest window, with gzip's header and trailer */

static const unsigned char magic[] = {0x1f, 0x8b, Z_DEFLATED};

struct gzip_reader {
    struct source source;
    z_stream stream;
    uint32_t crc, size; /* of the member's bytes so far, as its trailer has them */
    bool source_ended;
    bool ended;
    unsigned char *input;  /* the TRAILER_SIZE bytes before what is left, and INPUT_SIZE for that */
    unsigned char *output; /* OUTPUT_SIZE bytes */
};

/* Prepares zlib for a member. It need not compute the checksum, for which ISA-L takes a fraction of
 * the time. */
static void begin_member(struct gzip_reader *reader)
{
    reader->crc = reader->size = 0;
    inflateReset(&reader->stream);
    inflateValidate(&reader->stream, 0);
}

struct gzip_reader *gzip_reader_new(struct source source)
{
    struct gzip_reader *reader = xcalloc(1, sizeof *reader);

    reader->source = source;
    reader->input = xcalloc(TRAILER_SIZE + INPUT_SIZE, 1);
    reader->output = xreallocarray(NULL, OUTPUT_SIZE, 1);
    reader->stream.next_in = reader->input + TRAILER_SIZE;
    if (inflateInit2(&reader->stream, GZIP_WINDOW) != Z_OK)
        memory_exhausted();
    begin_member(reader);
    return reader;
}

/* Adds input to what is left of it. */
static struct error *fill(struct gzip_reader *reader)
{
    z_stream *stream = &reader->stream;
    struct error *err = NULL;

    memmove(reader->input, stream->next_in - TRAILER_SIZE, TRAILER_SIZE + stream->avail_in);
    stream->next_in = reader->input + TRAILER_SIZE;
    ssize_t got = reader->source.read(reader->source.context, stream->next_in + stream->avail_in,
                                      INPUT_SIZE - stream->avail_in, &err);

    if (got < 0)
        return err;
    reader->source_ended = got == 0;
    stream->avail_in += (unsigned int)got;
    return NULL;
}

static uint32_t get_le32(const unsigned char *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

/* Compares the member that has just ended with its trailer, and begins the next one, if any. */
static struct error *end_member(struct gzip_reader *reader)
{
    z_stream *stream = &reader->stream;
    const unsigned char *trailer = stream->next_in - TRAILER_SIZE;

    if (get_le32(trailer) != reader->crc)
        return error_new(EXIT_INPUT, "the gzip data does not match its checksum");
    if (get_le32(trailer + 4) != reader->size)
        return error_new(EXIT_INPUT, "the gzip data does not match its length");
    while (stream->avail_in < sizeof magic && !reader->source_ended)
        TRY(fill(reader));
    reader->ended =
        stream->avail_in < sizeof magic || memcmp(stream->next_in, magic, sizeof magic) != 0;
    begin_member(reader);
    return NULL;
}

/* Decompresses as much as input and output allow. */
static struct error *step(struct gzip_reader *reader)
{
    z_stream *stream = &reader->stream;
    const unsigned char *start = stream->next_out;

    if (stream->avail_in == 0 && !reader->source_ended)
        TRY(fill(reader));
    int status = inflate(stream, Z_NO_FLUSH);
    size_t length = (size_t)(stream->next_out - start);

    reader->crc = crc32_gzip_refl(reader->crc, start, length);
    reader->size += (uint32_t)length; /* modulo 2^32, as RFC 1952 has it */
    if (status == Z_STREAM_END)
        return end_member(reader);
    if (status == Z_MEM_ERROR)
        memory_exhausted();
    if (status != Z_OK && status != Z_BUF_ERROR)
        return error_new(EXIT_INPUT, "the gzip data is damaged: %s",
                         stream->msg != NULL ? stream->msg : zError(status));
    if (length == 0 && stream->avail_in == 0 && reader->source_ended)
        return error_new(EXIT_INPUT, "the gzip data is truncated");
    return NULL;
}

struct error *gzip_reader_read(struct gzip_reader *reader, const void **ret, size_t *ret_length)
{
    reader->stream.next_out = reader->output;
    reader->stream.avail_out = OUTPUT_SIZE;
    while (!reader->ended && reader->stream.avail_out > 0)
        TRY(step(reader));
    *ret = reader->output;
    *ret_length = OUTPUT_SIZE - reader->stream.avail_out;
    return NULL;
}

void gzip_reader_free(struct gzip_reader *reader)
{
    if (reader == NULL)
        return;
    inflateEnd(&reader->stream);
    free(reader->input);
    free(reader->output);
    free(reader);
}
