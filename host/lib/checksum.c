#include "host/lib/checksum.h"

#include <errno.h>
#include <isa-l.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define PIECE (16 * CHECKSUM_BLOCK) /* read at a time: what stays in a processor's own cache */

struct checksum {
    int fd;
    unsigned char *piece;
    const atomic_bool *stopped;
    struct buffer *items;
};

uint64_t checksum_of(const void *bytes, size_t length)
{
    return crc64_ecma_refl(0, bytes, length);
}

/* Adds the blocks of the LENGTH bytes that were read from OFFSET on. */
static void add_blocks(struct checksum *checksum, uint64_t offset, size_t length)
{
    for (size_t at = 0; at < length; at += CHECKSUM_BLOCK) {
        size_t left = length - at < CHECKSUM_BLOCK ? length - at : CHECKSUM_BLOCK;
        unsigned char *block = checksum->piece + at;

        if (isal_zero_detect(block, left) == 0)
            continue;
        const struct checksum_item item = {(offset + at) / CHECKSUM_BLOCK,
                                           checksum_of(block, left)};

        buffer_append(checksum->items, &item, sizeof item);
    }
}

/* Reads up to LENGTH bytes at OFFSET; less only at the end of the file. Returns false if it cannot
 * be read. */
static bool read_piece(const struct checksum *checksum, uint64_t offset, size_t length,
                       size_t *ret_length)
{
    *ret_length = 0;
    while (*ret_length < length) {
        ssize_t got = pread(checksum->fd, checksum->piece + *ret_length, length - *ret_length,
                            (off_t)(offset + *ret_length));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            return true;
        *ret_length += (size_t)got;
    }
    return true;
}

/* Adds what is between FROM, where a block begins, and TO. */
static bool add_range(struct checksum *checksum, uint64_t from, uint64_t to)
{
    while (from < to) {
        size_t want = to - from < PIECE ? (size_t)(to - from) : PIECE;
        size_t length;

        if ((checksum->stopped != NULL && atomic_load(checksum->stopped)) ||
            !read_piece(checksum, from, want, &length))
            return false;
        add_blocks(checksum, from, length);
        if (length < want)
            return true;
        from += length;
    }
    return true;
}

static uint64_t round_up(uint64_t offset)
{
    return (offset + CHECKSUM_BLOCK - 1) / CHECKSUM_BLOCK * CHECKSUM_BLOCK;
}

bool checksum_of_file(int fd, const atomic_bool *stopped, struct buffer *ret)
{
    CLEANUP(freep) unsigned char *piece = xreallocarray(NULL, PIECE, 1);
    struct checksum checksum = {.fd = fd, .piece = piece, .stopped = stopped, .items = ret};
    uint64_t end = 0;

    for (;;) {
        off_t data = lseek(fd, (off_t)end, SEEK_DATA);

        if (data < 0 && errno == ENXIO) /* no more data */
            return true;
        off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);

        if (hole < 0)
            return false;
        end = round_up((uint64_t)hole);
        if (!add_range(&checksum, (uint64_t)data / CHECKSUM_BLOCK * CHECKSUM_BLOCK, end))
            return false;
    }
}
