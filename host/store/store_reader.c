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

struct error *store_reader_open(struct store *store, const char *path, struct store_reader **ret)
{
    CLEANUP(store_reader_freep) struct store_reader *reader = xcalloc(1, sizeof *reader);
    struct stat status;

    reader->store = store;
    reader->path = xstrdup(path);
    reader->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (reader->fd < 0 || fstat(reader->fd, &status) < 0)
        return error_errno(EXIT_OTHER, "open the cache entry '%s'", path);
    if (!store_facts_read(store_folder(store), store_name(store, path), &reader->facts) ||
        (uint64_t)status.st_size != reader->facts.size) {
        store_mark_damaged(store, path, reader->fd);
        return error_new(EXIT_OTHER, "open the cache entry '%s': it is damaged", path);
    }
    *ret = STEAL(reader);
    return NULL;
}

uint64_t store_reader_size(const struct store_reader *reader)
{
    return reader->facts.size;
}

/* Returns the first item of the block NUMBER or a later one, or NULL: there are only zeros. */
static const struct checksum_item *find_item(const struct store_reader *reader, uint64_t number)
{
    const void *data = reader->facts.items.data;
    const struct checksum_item *items = data;
    size_t count = reader->facts.items.length / sizeof *items, first = 0, end = count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (items[middle].block >= number)
            end = middle;
        else
            first = middle + 1;
    }
    return first < count ? &items[first] : NULL;
}

uint64_t store_reader_skip_zeros(const struct store_reader *reader, uint64_t offset)
{
    const struct checksum_item *item = find_item(reader, offset / CHECKSUM_BLOCK);

    if (item == NULL)
        return reader->facts.size;
    uint64_t start = item->block * CHECKSUM_BLOCK;

    return start > offset ? start : offset;
}

/* Reads the block NUMBER and checks it. */
static bool load(struct store_reader *reader, uint64_t number)
{
    const struct checksum_item *item = find_item(reader, number);
    uint64_t offset = number * CHECKSUM_BLOCK, left = reader->facts.size - offset;
    size_t length = left < CHECKSUM_BLOCK ? (size_t)left : CHECKSUM_BLOCK;

    if (reader->has_block && reader->number == number)
        return true;
    reader->has_block = false;
    if (item == NULL || item->block != number)
        memset(reader->block, 0, length);
    else if (!store_file_read_at(reader->fd, reader->block, length, offset) ||
             checksum_of(reader->block, length) != item->sum)
        return false;
    reader->number = number;
    reader->has_block = true;
    return true;
}

bool store_reader_read(struct store_reader *reader, uint64_t offset, size_t length, void *bytes)
{
    char *to = bytes;

    assert(offset <= reader->facts.size && length <= reader->facts.size - offset);
    while (length > 0) {
        size_t start = (size_t)(offset % CHECKSUM_BLOCK);
        size_t part = CHECKSUM_BLOCK - start < length ? CHECKSUM_BLOCK - start : length;

        if (!load(reader, offset / CHECKSUM_BLOCK)) {
            store_mark_damaged(reader->store, reader->path, reader->fd);
            return false;
        }
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
