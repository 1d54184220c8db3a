#include "host/store/store_reader.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/checksum.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/store/store_facts.h"
#include "host/store/store_file.h"

struct store_reader {
    struct store *store;
    char *path;
    int fd;
    struct store_facts facts;
    char block[CHECKSUM_BLOCK];
    uint64_t number; /* of the block that was read last */
    bool has_block;
};

static struct store_reader *reader_new(struct store *store, const char *path)
{
    struct store_reader *reader = xcalloc(1, sizeof *reader);

    reader->store = store;
    reader->path = xstrdup(path);
    reader->fd = store_file_open(path);
    return reader;
}

/* Returns whether the facts of READER's entry count. */
static bool read_facts(struct store_reader *reader)
{
    const char *name = store_name(reader->store, reader->path);
    struct stat status;

    return name != NULL && store_facts_read(store_folder(reader->store), name, &reader->facts) &&
           fstat(reader->fd, &status) == 0 && (uint64_t)status.st_size == reader->facts.size;
}

struct error *store_reader_open(struct store *store, const char *path, struct store_reader **ret)
{
    CLEANUP(store_reader_freep) struct store_reader *reader = reader_new(store, path);

    if (reader->fd < 0)
        return error_errno(EXIT_OTHER, "open the cache entry '%s'", path);
    if (!read_facts(reader)) {
        store_mark_damaged(store, path, reader->fd);
        return error_new(EXIT_OTHER, "open the cache entry '%s': it is damaged", path);
    }
    *ret = STEAL(reader);
    return NULL;
}

struct store_reader *store_reader_try(struct store *store, const char *path)
{
    CLEANUP(store_reader_freep) struct store_reader *reader = reader_new(store, path);

    return reader->fd >= 0 && read_facts(reader) ? STEAL(reader) : NULL;
}

uint64_t store_reader_size(const struct store_reader *reader)
{
    return reader->facts.size;
}

/* The blocks that are not only zeros, in their order. */
static const struct checksum_item *items(const struct store_reader *reader)
{
    return (const void *)reader->facts.items.data;
}

static size_t item_count(const struct store_reader *reader)
{
    return reader->facts.items.length / sizeof(struct checksum_item);
}

/* Returns the index of the first item of the block NUMBER or a later one, or the number of items.
 */
static size_t find_item(const struct store_reader *reader, uint64_t number)
{
    size_t first = 0, end = item_count(reader);

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (items(reader)[middle].block >= number)
            end = middle;
        else
            first = middle + 1;
    }
    return first;
}

uint64_t store_reader_skip_zeros(const struct store_reader *reader, uint64_t offset)
{
    size_t item = find_item(reader, offset / CHECKSUM_BLOCK);

    if (item == item_count(reader))
        return reader->facts.size;
    uint64_t start = items(reader)[item].block * CHECKSUM_BLOCK;

    return start > offset ? start : offset;
}

uint64_t store_reader_skip_data(const struct store_reader *reader, uint64_t offset)
{
    uint64_t number = offset / CHECKSUM_BLOCK;

    for (size_t item = find_item(reader, number);
         item < item_count(reader) && items(reader)[item].block == number; item++)
        number++;
    uint64_t end = number * CHECKSUM_BLOCK;

    return end < reader->facts.size ? end : reader->facts.size;
}

/* Returns the length of the block NUMBER. */
static size_t block_length(const struct store_reader *reader, uint64_t number)
{
    uint64_t left = reader->facts.size - number * CHECKSUM_BLOCK;

    return left < CHECKSUM_BLOCK ? (size_t)left : CHECKSUM_BLOCK;
}

/* Reads the block NUMBER to BYTES and checks it. */
static bool read_block(const struct store_reader *reader, uint64_t number, void *bytes)
{
    size_t item = find_item(reader, number), length = block_length(reader, number);

    if (item == item_count(reader) || items(reader)[item].block != number) {
        memset(bytes, 0, length);
        return true;
    }
    return store_file_read_at(reader->fd, bytes, length, number * CHECKSUM_BLOCK) &&
           checksum_of(bytes, length) == items(reader)[item].sum;
}

/* The same to the reader, where it stays. */
static bool load(struct store_reader *reader, uint64_t number)
{
    if (reader->has_block && reader->number == number)
        return true;
    reader->number = number;
    reader->has_block = read_block(reader, number, reader->block);
    return reader->has_block;
}

bool store_reader_read(struct store_reader *reader, uint64_t offset, size_t length, void *bytes)
{
    char *to = bytes;

    assert(offset <= reader->facts.size && length <= reader->facts.size - offset);
    while (length > 0) {
        uint64_t number = offset / CHECKSUM_BLOCK;
        size_t start = (size_t)(offset % CHECKSUM_BLOCK);
        size_t part = CHECKSUM_BLOCK - start < length ? CHECKSUM_BLOCK - start : length;
        bool whole = part == block_length(reader, number);

        if (!(whole ? read_block(reader, number, to) : load(reader, number))) {
            store_mark_damaged(reader->store, reader->path, reader->fd);
            return false;
        }
        if (!whole)
            memcpy(to, reader->block + start, part);
        to += part;
        offset += part;
        length -= part;
    }
    return true;
}

void store_reader_free(struct store_reader *reader)
{
    if (reader == NULL)
        return;
    closep(&reader->fd);
    store_facts_free(&reader->facts);
    free(reader->path);
    free(reader);
}
