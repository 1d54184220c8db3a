#include "host/tar/tar_stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"
#include "host/lib/stream.h"
#include "host/tar/sparse_map.h"
#include "host/tar/tar_header.h"

enum state {
    AT_HEADER,    /* collecting a header block */
    IN_EXTENSION, /* collecting the data of an extended header */
    IN_REGIONS,   /* collecting a block that continues the map of a sparse file */
    IN_DATA,      /* passing an entry's data on */
    IN_PADDING,   /* up to the next block */
    AT_END,       /* after two zero blocks */
};

struct tar_stream {
    struct tar_events events;
    bool strict;
    enum state state;
    unsigned char block[TAR_BLOCK];
    size_t filled;   /* bytes of `block` */
    uint64_t offset; /* bytes of the stream so far */
    uint64_t data;   /* those of them that were written as an entry's data */
    uint64_t left;   /* bytes of the extension or data still to come */
    size_t padding;  /* bytes after them up to the next block */
    bool one_zero;   /* the previous block was all zeros */
    uint32_t entries;
    struct buffer *extension; /* where the extension's data goes */
    struct tar_extensions extensions;
    struct buffer global;                  /* the data of a 'g' header */
    unsigned char global_block[TAR_BLOCK]; /* its header */
    struct tar_strings strings;
    struct sparse_map *sparse; /* of the entry whose data is passed on, or NULL */
    uint64_t sparse_size;      /* its stored bytes */
};

struct tar_stream *tar_stream_new(struct tar_events events, bool strict)
{
    struct tar_stream *stream = xcalloc(1, sizeof *stream);

    stream->events = events;
    stream->strict = strict;
    return stream;
}

static struct error *at(const struct tar_stream *stream, struct error *err)
{
    return error_context(err, "at byte %" PRIu64, stream->offset);
}

static bool is_zero(const unsigned char *bytes, size_t length)
{
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

/* Data of SIZE bytes follows, to be handled in STATE. */
static void expect(struct tar_stream *stream, enum state state, uint64_t size)
{
    stream->left = size;
    stream->padding = (size_t)(-size % TAR_BLOCK);
    stream->state = size > 0 ? state : AT_HEADER;
}

/* Returns where the data of extended headers of TYPE goes; NULL for entries. */
static struct buffer *extension_for(struct tar_stream *stream, char type)
{
    switch (type) {
    case 'x':
        return &stream->extensions.pax;
    case 'g':
        return &stream->global;
    case 'L':
        return &stream->extensions.long_name;
    case 'K':
        return &stream->extensions.long_link;
    default:
        return NULL;
    }
}

static struct error *begin_extension(struct tar_stream *stream, const struct tar_entry *entry,
                                     struct buffer *extension)
{
    if ((uint64_t)entry->stored_size > TAR_EXTENSION_MAX)
        return at(stream, error_new(EXIT_INPUT, "an extended header is larger than %u bytes",
                                    TAR_EXTENSION_MAX));
    extension->length = 0;
    stream->extension = extension;
    if (entry->type == 'g')
        memcpy(stream->global_block, stream->block, TAR_BLOCK);
    expect(stream, IN_EXTENSION, (uint64_t)entry->stored_size);
    return NULL;
}

static struct error *tell(struct tar_stream *stream, struct tar_entry *entry)
{
    if (++stream->entries > TAR_ENTRIES_MAX)
        return at(stream, error_new(EXIT_INPUT, "more than %u entries", TAR_ENTRIES_MAX));
    return stream->events.entry(stream->events.context, entry);
}

static struct error *end_extension(struct tar_stream *stream)
{
    struct tar_entry entry;

    if (stream->extension != &stream->global)
        return NULL;
    TRY(at(stream, tar_header_read_global(stream->global_block, &stream->global, &stream->strings,
                                          &entry)));
    return tell(stream, &entry);
}

/* Whether extended headers wait for their entry. */
static bool is_extended(const struct tar_stream *stream)
{
    return stream->extensions.pax.length > 0 || stream->extensions.long_name.length > 0 ||
           stream->extensions.long_link.length > 0;
}

static struct error *handle_zero_block(struct tar_stream *stream)
{
    if (stream->strict && is_extended(stream))
        return at(stream, error_new(EXIT_INPUT, "an extended header without an entry"));
    if (stream->one_zero)
        stream->state = AT_END;
    stream->one_zero = true;
    return NULL;
}

/* Prepares for a sparse file's data, whose map is checked even if its bytes are not reported. */
static struct error *begin_sparse(struct tar_stream *stream, struct tar_entry *entry)
{
    struct sink reported = {stream->events.data, stream->events.context};

    if (!entry->is_sparse)
        return NULL;
    if (entry->type != 'S' && (entry->type != '0' || (entry->stored_size == 0 && !entry->has_map)))
        return error_new(EXIT_INPUT, "a sparse file has no map");
    entry->data_left_out = stream->events.holes_max > 0 && entry->size > entry->stored_size &&
                           (uint64_t)(entry->size - entry->stored_size) > stream->events.holes_max;
    if (entry->data_left_out)
        reported.write = NULL;
    if (entry->size < entry->stored_size && (entry->type == 'S' || entry->has_map))
        return error_new(EXIT_INPUT, "a sparse file has more data than its size");
    stream->sparse_size = (uint64_t)entry->stored_size;
    stream->sparse = sparse_map_new((uint64_t)entry->size, stream->sparse_size, reported);
    return NULL;
}

static struct error *end_sparse(struct tar_stream *stream)
{
    struct error *err = at(stream, sparse_map_finish(stream->sparse));

    sparse_map_free(stream->sparse);
    stream->sparse = NULL;
    return err;
}

/* Passes an entry's data on; it is the last if LEFT is 0. */
static struct error *pass_data(struct tar_stream *stream, const void *bytes, size_t length)
{
    if (stream->sparse == NULL)
        return stream->events.data != NULL
                   ? stream->events.data(stream->events.context, bytes, length)
                   : NULL;
    TRY(at(stream, sparse_map_write(stream->sparse, bytes, length)));
    return stream->left == 0 ? end_sparse(stream) : NULL;
}

/* Reads the regions of a sparse file in BLOCK, its header or a block that continues it. The data
 * follows the last of these. */
static struct error *read_regions(struct tar_stream *stream, bool is_header)
{
    bool more = false;

    TRY(at(stream, tar_header_read_regions(stream->block, is_header, stream->sparse, &more)));
    stream->state = IN_REGIONS;
    if (more)
        return NULL;
    TRY(at(stream, sparse_map_begin(stream->sparse)));
    expect(stream, IN_DATA, stream->sparse_size);
    return stream->sparse_size == 0 ? end_sparse(stream) : NULL;
}

/* Takes the regions of a sparse file from its PAX records. */
static struct error *take_regions(struct tar_stream *stream)
{
    TRY(at(stream, tar_header_add_regions(&stream->strings, stream->sparse)));
    TRY(at(stream, sparse_map_begin(stream->sparse)));
    return stream->sparse_size == 0 ? end_sparse(stream) : NULL;
}

static struct error *handle_header(struct tar_stream *stream)
{
    static const struct tar_extensions none = {0};
    struct tar_entry entry;
    char type = (char)stream->block[156];
    struct buffer *extension = extension_for(stream, type);

    if (is_zero(stream->block, TAR_BLOCK))
        return handle_zero_block(stream);
    if (stream->one_zero)
        return at(stream, error_new(EXIT_INPUT, "a single zero block between entries"));
    TRY(at(stream, tar_header_read(stream->block, extension != NULL ? &none : &stream->extensions,
                                   &stream->strings, &entry)));
    if (extension != NULL)
        return begin_extension(stream, &entry, extension);
    entry.offset = stream->offset - TAR_BLOCK;
    TRY(at(stream, begin_sparse(stream, &entry)));
    stream->extensions.pax.length = 0;
    stream->extensions.long_name.length = 0;
    stream->extensions.long_link.length = 0;
    expect(stream, IN_DATA, entry.has_data ? (uint64_t)entry.stored_size : 0);
    TRY(tell(stream, &entry));
    if (entry.type == 'S')
        return read_regions(stream, true);
    return entry.has_map ? take_regions(stream) : NULL;
}

/* Handles as many of LENGTH bytes as the current state allows. *RET_USED is how many, never 0. */
static struct error *step(struct tar_stream *stream, const unsigned char *bytes, size_t length,
                          size_t *ret_used)
{
    bool whole_block = stream->state == AT_HEADER || stream->state == IN_REGIONS;
    size_t wanted = whole_block                   ? TAR_BLOCK - stream->filled
                    : stream->state == IN_PADDING ? stream->padding
                    : stream->state == AT_END     ? length
                    : stream->left < length       ? (size_t)stream->left
                                                  : length;
    size_t used = wanted < length ? wanted : length;

    *ret_used = used;
    stream->offset += used;
    switch (stream->state) {
    case AT_HEADER:
    case IN_REGIONS:
        memcpy(stream->block + stream->filled, bytes, used);
        stream->filled = (stream->filled + used) % TAR_BLOCK;
        if (stream->filled > 0)
            return NULL;
        return stream->state == AT_HEADER ? handle_header(stream) : read_regions(stream, false);
    case IN_PADDING:
        stream->padding -= used;
        stream->state = stream->padding > 0 ? IN_PADDING : AT_HEADER;
        return NULL;
    case AT_END:
        if (stream->strict && !is_zero(bytes, used))
            return at(stream, error_new(EXIT_INPUT, "data after the end of the archive"));
        return NULL;
    case IN_EXTENSION:
    case IN_DATA:
        break;
    }
    bool in_data = stream->state == IN_DATA;

    stream->left -= used;
    stream->data += in_data ? used : 0;
    if (stream->left == 0)
        stream->state = stream->padding > 0 ? IN_PADDING : AT_HEADER;
    if (in_data)
        return pass_data(stream, bytes, used);
    buffer_append(stream->extension, bytes, used);
    return stream->left == 0 ? end_extension(stream) : NULL;
}

struct error *tar_stream_write(struct tar_stream *stream, const void *bytes, size_t length)
{
    const unsigned char *next = bytes;

    while (length > 0) {
        size_t used = 0;

        TRY(step(stream, next, length, &used));
        next += used;
        length -= used;
    }
    return NULL;
}

/* Whether zeros in the current state mean nothing but their number. */
static bool may_skip(const struct tar_stream *stream)
{
    return stream->state == IN_DATA && stream->sparse == NULL &&
           (stream->events.data == NULL || stream->events.skip != NULL);
}

struct error *tar_stream_skip(struct tar_stream *stream, uint64_t length)
{
    static const char zeros[4 * TAR_BLOCK];

    while (length > 0) {
        uint64_t piece = length < sizeof zeros ? length : sizeof zeros;

        if (stream->state == AT_END) {
            piece = length;
            stream->offset += piece;
        } else if (may_skip(stream) && stream->left > 1) {
            /* All but the last byte, with which the entry ends as usual. */
            piece = stream->left - 1 < length ? stream->left - 1 : length;
            stream->offset += piece;
            stream->left -= piece;
            if (stream->events.skip != NULL)
                TRY(stream->events.skip(stream->events.context, piece));
        } else {
            TRY(tar_stream_write(stream, zeros, (size_t)piece));
        }
        length -= piece;
    }
    return NULL;
}

uint64_t tar_stream_data_left(const struct tar_stream *stream)
{
    return stream->state == IN_DATA ? stream->left : 0;
}

uint64_t tar_stream_data(const struct tar_stream *stream)
{
    return stream->data;
}

struct error *tar_stream_finish(struct tar_stream *stream)
{
    bool between = stream->state == AT_HEADER && stream->filled == 0 && !is_extended(stream);

    if (stream->state == AT_END && (!stream->strict || stream->offset % TAR_BLOCK == 0))
        return NULL;
    if (between && !stream->strict)
        return NULL;
    return at(stream, error_new(EXIT_INPUT, "the archive is truncated"));
}

void tar_stream_free(struct tar_stream *stream)
{
    if (stream == NULL)
        return;
    sparse_map_free(stream->sparse);
    tar_extensions_free(&stream->extensions);
    tar_strings_free(&stream->strings);
    buffer_free(&stream->global);
    free(stream);
}
