#include "host/tar/tar_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tar/archive_header.h"
#include "host/tar/compression.h"
#include "host/tar/decompression.h"

#define PIECE_SIZE (256u << 10) /* bytes that are read from an uncompressed file at a time */

struct tar_reader {
    char *path;
    int fd;
    bool is_regular;
    uint64_t position; /* in the file */
    uint64_t file_size;
    uint64_t start;                    /* position of libarchive's offset 0 */
    struct decompressor *decompressor; /* NULL if the file is regular and not compressed */
    struct archive *archive;
    struct archive_entry *entry; /* the current member's header */
    char *piece;
    struct error *err; /* of the file or the decompressor, while libarchive was reading */

    /* The current member. */
    uint64_t header_offset;
    uint64_t data_position; /* bytes passed on */
    const char *data;       /* from libarchive, not passed on yet */
    size_t data_length;
    uint64_t data_offset; /* its offset in the member */
    uint64_t size;
    bool data_ended;
};

/* source_read over the file. */
static ssize_t read_file(void *context, void *buffer, size_t capacity, struct error **err)
{
    struct tar_reader *reader = context;
    ssize_t got;

    do
        got = reader->is_regular ? pread(reader->fd, buffer, capacity, (off_t)reader->position)
                                 : read(reader->fd, buffer, capacity);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        *err = error_errno(EXIT_OTHER, "read '%s'", reader->path);
    else
        reader->position += (uint64_t)got;
    return got;
}

static la_ssize_t on_read(struct archive *archive, void *context, const void **ret)
{
    struct tar_reader *reader = context;
    ssize_t got;

    if (reader->decompressor != NULL) {
        size_t length = 0;

        reader->err = decompressor_read(reader->decompressor, ret, &length);
        got = reader->err == NULL ? (ssize_t)length : -1;
    } else {
        got = read_file(reader, reader->piece, PIECE_SIZE, &reader->err);
        *ret = reader->piece;
    }
    if (got < 0)
        archive_set_error(archive, EIO, "the source failed");
    return got;
}

/* Skips without reading, never beyond the end, so that libarchive notices what is missing. */
static la_int64_t on_skip(struct archive *archive, void *context, la_int64_t request)
{
    struct tar_reader *reader = context;

    (void)archive;
    if (reader->decompressor != NULL || request <= 0 || reader->position >= reader->file_size)
        return 0;
    uint64_t left = reader->file_size - reader->position;
    uint64_t length = (uint64_t)request < left ? (uint64_t)request : left;

    reader->position += length;
    return (la_int64_t)length;
}

static struct error *failed(struct tar_reader *reader)
{
    const char *cause = archive_error_string(reader->archive);

    if (reader->err != NULL)
        return STEAL(reader->err);
    if (archive_format(reader->archive) == 0)
        return error_new(EXIT_INPUT, "read '%s': not a tar archive", reader->path);
    return error_new(EXIT_INPUT, "read '%s': %s", reader->path,
                     cause != NULL ? cause : "damaged archive");
}

/* Sets up the decompressor if the file is compressed. */
static struct error *open_source(struct tar_reader *reader)
{
    struct source source = {.read = read_file, .context = reader};
    char magic[DECOMPRESSION_MAGIC_SIZE];

    if (reader->is_regular) {
        ssize_t got = pread(reader->fd, magic, sizeof magic, (off_t)reader->position);

        if (got < 0)
            return error_errno(EXIT_OTHER, "read '%s'", reader->path);
        if (decompression_sniff(magic, (size_t)got) == COMPRESSION_NONE) {
            reader->piece = xreallocarray(NULL, PIECE_SIZE, 1);
            return NULL;
        }
    }
    return decompressor_new(reader->path, source, &reader->decompressor);
}

static struct error *open_archive(struct tar_reader *reader)
{
    reader->archive = xallocated(archive_read_new());
    reader->entry = xallocated(archive_entry_new());
    archive_read_support_format_tar(reader->archive);
    archive_read_set_read_callback(reader->archive, on_read);
    archive_read_set_skip_callback(reader->archive, on_skip);
    archive_read_set_callback_data(reader->archive, reader);
    if (archive_read_open1(reader->archive) < ARCHIVE_WARN)
        return failed(reader);
    return NULL;
}

struct error *tar_reader_new(const char *path, int fd, uint64_t offset, struct tar_reader **ret)
{
    CLEANUP(tar_reader_freep) struct tar_reader *reader = xcalloc(1, sizeof *reader);
    struct stat status;

    reader->path = xstrdup(path);
    reader->fd = fd;
    reader->position = offset;
    reader->start = offset;
    if (fstat(fd, &status) < 0)
        return error_errno(EXIT_OTHER, "read '%s'", path);
    reader->is_regular = S_ISREG(status.st_mode);
    reader->file_size = (uint64_t)status.st_size;
    TRY(open_source(reader));
    TRY(open_archive(reader));
    *ret = STEAL(reader);
    return NULL;
}

bool tar_reader_is_seekable(const struct tar_reader *reader)
{
    return reader->decompressor == NULL;
}

struct error *tar_reader_next(struct tar_reader *reader, struct archive_entry **ret)
{
    *ret = NULL;
    int code = archive_header_read(reader->archive, reader->entry);

    if (code == ARCHIVE_EOF)
        return NULL;
    if (code < ARCHIVE_WARN)
        return failed(reader);
    *ret = reader->entry;
    reader->header_offset = reader->start + (uint64_t)archive_read_header_position(reader->archive);
    reader->size = (uint64_t)archive_entry_size(*ret);
    reader->data_position = 0;
    reader->data_length = 0;
    reader->data_ended = false;
    return NULL;
}

uint64_t tar_reader_offset(const struct tar_reader *reader)
{
    return reader->header_offset;
}

/* Gets the next piece of data from libarchive. */
static struct error *fetch_data(struct tar_reader *reader)
{
    const void *bytes = NULL;
    la_int64_t offset = 0;
    int code;

    do
        code = archive_read_data_block(reader->archive, &bytes, &reader->data_length, &offset);
    while (code == ARCHIVE_RETRY ||
           (code >= ARCHIVE_WARN && code != ARCHIVE_EOF && reader->data_length == 0));
    if (code < ARCHIVE_WARN)
        return failed(reader);
    reader->data = bytes;
    reader->data_offset = (uint64_t)offset;
    if (code == ARCHIVE_EOF) {
        reader->data_ended = true;
        reader->data_length = 0;
        reader->data_offset = reader->size; /* a hole may come last */
    }
    return NULL;
}

/* The next piece of the current member's data, valid until the next call; *RET_LENGTH is 0 at the
 * end. Holes come as zeros. */
static struct error *next_piece(struct tar_reader *reader, const void **ret, size_t *ret_length)
{
    static const char zeros[64 << 10];

    if (reader->data_length == 0 && !reader->data_ended)
        TRY(fetch_data(reader));
    if (reader->data_position < reader->data_offset) {
        uint64_t hole = reader->data_offset - reader->data_position;

        *ret = zeros;
        *ret_length = hole < sizeof zeros ? (size_t)hole : sizeof zeros;
        reader->data_position += *ret_length;
        return NULL;
    }
    *ret = reader->data;
    *ret_length = reader->data_length;
    reader->data_position += reader->data_length;
    reader->data_length = 0;
    return NULL;
}

struct error *tar_reader_copy(struct tar_reader *reader, struct sink sink)
{
    for (;;) {
        const void *bytes;
        size_t length = 0;

        TRY(next_piece(reader, &bytes, &length));
        if (length == 0)
            return NULL;
        TRY(sink.write(sink.context, bytes, length));
    }
}

void tar_reader_free(struct tar_reader *reader)
{
    if (reader == NULL)
        return;
    archive_read_free(reader->archive);
    archive_entry_free(reader->entry);
    decompressor_free(reader->decompressor);
    error_free(reader->err);
    free(reader->piece);
    free(reader->path);
    free(reader);
}
