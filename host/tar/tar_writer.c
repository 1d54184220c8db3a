#include "host/tar/tar_writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/stream.h"
#include "host/tar/tar_entry.h"

#define OCTAL_SIZE_MAX UINT64_C(077777777777)

/* POSIX's ustar header. */
struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100],
        magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], unused[12];
};
static_assert(sizeof(struct header) == TAR_BLOCK, "a header is one block");

struct tar_writer {
    int fd;
    const char *name;
    enum compression compression;
    int64_t mtime;
    uint64_t size;                 /* bytes of the tar so far, before compression */
    struct compressor *compressor; /* of the current member; NULL: there is none */
};

static struct error *write_packed(void *context, const void *bytes, size_t length)
{
    struct tar_writer *writer = context;

    return file_write(bytes, length, writer->fd, writer->name);
}

static void count(struct tar_writer *writer, uint64_t length)
{
    writer->size += length;
    progress_bytes(writer->size, 0);
}

/* Writes bytes of the tar itself into the current member. */
static struct error *write_bytes(struct tar_writer *writer, const void *bytes, size_t length)
{
    if (writer->compressor == NULL)
        TRY(compressor_new(writer->compression, (struct sink){write_packed, writer},
                           &writer->compressor));
    count(writer, length);
    return compressor_write(writer->compressor, bytes, length);
}

/* Ends the current member, so that what is written next starts another. */
static struct error *end_member(struct tar_writer *writer)
{
    if (writer->compressor == NULL)
        return NULL;
    return compressor_finish(STEAL(writer->compressor));
}

/* Writes SIZE in octal or, from 8 GiB on, in GNU's base-256, which all of today's readers know. */
static void put_size(char field[12], uint64_t size)
{
    if (size <= OCTAL_SIZE_MAX) {
        snprintf(field, 12, "%011llo", (unsigned long long)size);
        return;
    }
    memset(field, 0, 12);
    field[0] = (char)0x80;
    for (int i = 0; i < 8; i++)
        field[11 - i] = (char)(size >> (8 * i));
}

static struct error *write_header(struct tar_writer *writer, const char *path, char type,
                                  uint64_t size)
{
    struct header header = {.magic = "ustar", .version = {'0', '0'}, .type = type};
    unsigned int sum = 0;

    assert(strlen(path) <= sizeof header.name);
    memcpy(header.name, path, strlen(path));
    snprintf(header.mode, sizeof header.mode, "%07o", type == '5' ? 0755u : 0644u);
    snprintf(header.uid, sizeof header.uid, "%07o", 0u);
    snprintf(header.gid, sizeof header.gid, "%07o", 0u);
    put_size(header.size, size);
    snprintf(header.mtime, sizeof header.mtime, "%011llo", (unsigned long long)writer->mtime);
    snprintf(header.major, sizeof header.major, "%07o", 0u);
    snprintf(header.minor, sizeof header.minor, "%07o", 0u);
    memset(header.checksum, ' ', sizeof header.checksum);
    for (size_t i = 0; i < sizeof header; i++)
        sum += ((unsigned char *)&header)[i];
    snprintf(header.checksum, sizeof header.checksum, "%06o", sum & 0777777);
    return write_bytes(writer, &header, sizeof header);
}

static struct error *write_padding(struct tar_writer *writer, uint64_t size)
{
    static const char zeros[TAR_BLOCK];

    return write_bytes(writer, zeros, (size_t)(-size % TAR_BLOCK));
}

struct error *tar_writer_new(int fd, const char *name, enum compression compression, int64_t mtime,
                             struct tar_writer **ret)
{
    struct tar_writer *writer = xcalloc(1, sizeof *writer);

    writer->fd = fd;
    writer->name = name;
    writer->compression = compression;
    writer->mtime = mtime > 0 && (uint64_t)mtime <= OCTAL_SIZE_MAX ? mtime : 0;
    *ret = writer;
    return NULL;
}

struct error *tar_writer_folder(struct tar_writer *writer, const char *path)
{
    return write_header(writer, path, '5', 0);
}

struct error *tar_writer_bytes(struct tar_writer *writer, const char *path, const void *bytes,
                               size_t length)
{
    TRY(write_header(writer, path, '0', length));
    TRY(write_bytes(writer, bytes, length));
    return write_padding(writer, length);
}

struct error *tar_writer_file(struct tar_writer *writer, const char *path, const char *from,
                              uint64_t size, struct file_copier copier)
{
    assert(writer->compression == COMPRESSION_NONE);
    return tar_writer_packed(writer, path, size, from, size, copier);
}

struct error *tar_writer_packed(struct tar_writer *writer, const char *path, uint64_t size,
                                const char *from, uint64_t packed_size, struct file_copier copier)
{
    TRY(write_header(writer, path, '0', size));
    TRY(end_member(writer));
    TRY(copier.copy(copier.context, from, packed_size, writer->fd, writer->name));
    count(writer, size);
    return write_padding(writer, size);
}

struct error *tar_writer_finish(struct tar_writer *writer)
{
    static const char zeros[2 * TAR_BLOCK];

    TRY(write_bytes(writer, zeros, sizeof zeros));
    return end_member(writer);
}

void tar_writer_free(struct tar_writer *writer)
{
    if (writer == NULL)
        return;
    compressor_free(writer->compressor);
    free(writer);
}
