#include "host/tar/decompression.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tar/gzip_reader.h"

#define INPUT_SIZE (256u << 10) /* bytes requested from the source at a time */

struct decompressor {
    char *name;
    struct source source;
    enum compression compression;
    struct gzip_reader *gzip; /* or NULL */
    struct archive *archive;  /* for other compressions, or NULL; without either there is none */
    char *input;
    size_t input_start, input_length; /* of what was read ahead */
    bool has_begun;                   /* something was decompressed */
    bool ended;
    struct error *err; /* of the source, while gzip or libarchive was reading */
};

enum compression decompression_sniff(const void *bytes, size_t length)
{
    static const struct {
        enum compression compression;
        size_t length;
        const char *magic;
    } magics[] = {
        {COMPRESSION_GZIP, 3, "\x1f\x8b\x08"},
        {COMPRESSION_ZSTD, 4, "\x28\xb5\x2f\xfd"},
        {COMPRESSION_XZ, 6, "\xfd\x37zXZ\0"},
    };
    const char *start = bytes;

    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (length >= magics[i].length && memcmp(bytes, magics[i].magic, magics[i].length) == 0)
            return magics[i].compression;
    /* "BZh", the level, then the magic of a block or of the end. */
    if (length >= 10 && memcmp(start, "BZh", 3) == 0 && start[3] >= '1' && start[3] <= '9' &&
        (memcmp(start + 4, "1AY&SY", 6) == 0 || memcmp(start + 4, "\x17rE8P\x90", 6) == 0))
        return COMPRESSION_BZIP2;
    /* A skippable frame may come first (zstd_compression_format.md): pzstd writes one. */
    if (length >= 4 && ((unsigned char)start[0] & 0xf0) == 0x50 &&
        memcmp(start + 1, "\x2a\x4d\x18", 3) == 0)
        return COMPRESSION_ZSTD;
    return COMPRESSION_NONE;
}

/* Reads ahead as far as the compression can be recognised. */
static struct error *fill_magic(struct decompressor *decompressor)
{
    while (decompressor->input_length < DECOMPRESSION_MAGIC_SIZE) {
        struct error *err = NULL;
        ssize_t got = decompressor->source.read(decompressor->source.context,
                                                decompressor->input + decompressor->input_length,
                                                INPUT_SIZE - decompressor->input_length, &err);

        if (got < 0)
            return err;
        if (got == 0)
            break;
        decompressor->input_length += (size_t)got;
    }
    return NULL;
}

static la_ssize_t on_read(struct archive *archive, void *context, const void **ret)
{
    struct decompressor *decompressor = context;
    ssize_t got = (ssize_t)decompressor->input_length;

    *ret = decompressor->input;
    decompressor->input_length = 0;
    if (got == 0)
        got = decompressor->source.read(decompressor->source.context, decompressor->input,
                                        INPUT_SIZE, &decompressor->err);
    if (got < 0)
        archive_set_error(archive, EIO, "the source failed");
    return got;
}

static struct error *failed(struct decompressor *decompressor)
{
    const char *cause = archive_error_string(decompressor->archive);

    if (decompressor->err != NULL)
        return STEAL(decompressor->err);
    return error_new(EXIT_INPUT, "decompress '%s': %s", decompressor->name,
                     cause != NULL ? cause : "damaged data");
}

static void support_filter(struct archive *archive, enum compression compression)
{
    if (compression == COMPRESSION_ZSTD)
        archive_read_support_filter_zstd(archive);
    else if (compression == COMPRESSION_XZ)
        archive_read_support_filter_xz(archive);
    else
        archive_read_support_filter_bzip2(archive);
}

static struct error *compressed_twice(const struct decompressor *decompressor)
{
    return error_new(EXIT_INPUT, "decompress '%s': compressed more than once", decompressor->name);
}

/* Opens libarchive for the one filter that was found. */
static struct error *open_filter(struct decompressor *decompressor)
{
    struct archive *archive = xallocated(archive_read_new());
    struct archive_entry *entry;

    decompressor->archive = archive;
    support_filter(archive, decompressor->compression);
    archive_read_support_format_raw(archive);
    archive_read_support_format_empty(archive);
    if (archive_read_open(archive, decompressor, NULL, on_read, NULL) < ARCHIVE_WARN)
        return failed(decompressor);
    int code = archive_read_next_header(archive, &entry);

    if (code == ARCHIVE_EOF)
        decompressor->ended = true;
    else if (code < ARCHIVE_WARN)
        return failed(decompressor);
    /* libarchive would apply more: two are the filter found and the empty one that reads the
     * source. */
    return archive_filter_count(archive) > 2 ? compressed_twice(decompressor) : NULL;
}

/* source_read for gzip: what was read ahead, and then the source. */
static ssize_t read_on(void *context, void *buffer, size_t capacity, struct error **err)
{
    struct decompressor *decompressor = context;
    size_t length = decompressor->input_length < capacity ? decompressor->input_length : capacity;

    if (length == 0) {
        ssize_t got = decompressor->source.read(decompressor->source.context, buffer, capacity,
                                                &decompressor->err);

        if (got < 0)
            *err = error_new(EXIT_OTHER, "the source failed");
        return got;
    }
    memcpy(buffer, decompressor->input + decompressor->input_start, length);
    decompressor->input_start += length;
    decompressor->input_length -= length;
    return (ssize_t)length;
}

struct error *decompressor_new(const char *name, struct source source, struct decompressor **ret)
{
    CLEANUP(decompressor_freep) struct decompressor *made = xcalloc(1, sizeof *made);

    made->name = xstrdup(name);
    made->source = source;
    made->input = xreallocarray(NULL, INPUT_SIZE, 1);
    TRY(fill_magic(made));
    made->compression = decompression_sniff(made->input, made->input_length);
    if (made->compression == COMPRESSION_GZIP)
        made->gzip = gzip_reader_new((struct source){read_on, made});
    else if (made->compression != COMPRESSION_NONE)
        TRY(open_filter(made));
    *ret = STEAL(made);
    return NULL;
}

static struct error *read_plain(struct decompressor *decompressor, const void **ret,
                                size_t *ret_length)
{
    struct error *err = NULL;
    ssize_t got = (ssize_t)decompressor->input_length;

    decompressor->input_length = 0;
    if (got == 0)
        got = decompressor->source.read(decompressor->source.context, decompressor->input,
                                        INPUT_SIZE, &err);
    if (got < 0)
        return err;
    decompressor->ended = got == 0;
    *ret = decompressor->input;
    *ret_length = (size_t)got;
    return NULL;
}

static struct error *read_gzip(struct decompressor *decompressor, const void **ret,
                               size_t *ret_length)
{
    struct error *err = gzip_reader_read(decompressor->gzip, ret, ret_length);
    bool is_first = !decompressor->has_begun;

    if (decompressor->err != NULL) {
        error_free(err);
        return STEAL(decompressor->err);
    }
    TRY(error_context(err, "decompress '%s'", decompressor->name));
    decompressor->has_begun = true;
    decompressor->ended = *ret_length == 0;
    return is_first && decompression_sniff(*ret, *ret_length) == COMPRESSION_GZIP
               ? compressed_twice(decompressor)
               : NULL;
}

struct error *decompressor_read(struct decompressor *decompressor, const void **ret,
                                size_t *ret_length)
{
    la_int64_t offset;
    int code;

    *ret = NULL;
    *ret_length = 0;
    if (decompressor->ended)
        return NULL;
    if (decompressor->gzip != NULL)
        return read_gzip(decompressor, ret, ret_length);
    if (decompressor->archive == NULL)
        return read_plain(decompressor, ret, ret_length);
    do
        code = archive_read_data_block(decompressor->archive, ret, ret_length, &offset);
    while (code >= ARCHIVE_WARN && code != ARCHIVE_EOF && *ret_length == 0);
    if (code == ARCHIVE_EOF) {
        decompressor->ended = true;
        *ret_length = 0;
    } else if (code < ARCHIVE_WARN) {
        return failed(decompressor);
    }
    return NULL;
}

void decompressor_free(struct decompressor *decompressor)
{
    if (decompressor == NULL)
        return;
    gzip_reader_free(decompressor->gzip);
    archive_read_free(decompressor->archive);
    error_free(decompressor->err);
    free(decompressor->input);
    free(decompressor->name);
    free(decompressor);
}
