#include "guest/tar/pack_data.h"

#include <errno.h>
#include <unistd.h>

/* Data regions of one sparse file; beyond these, it is packed as if it had no more holes. */
#define REGIONS_MAX 65536

int pack_data_map(struct packing *packing, int fd, off_t size)
{
    off_t at = 0;

    for (unsigned regions = 0; at < size; regions++) {
        off_t data = lseek(fd, at, SEEK_DATA);

        if (data < 0) {
            if (errno != ENXIO)
                return -1;
            /* Nothing but a hole: libarchive needs at least one region. */
            if (regions == 0)
                archive_entry_sparse_add_entry(packing->entry, 0, 0);
            return 0;
        }
        off_t hole = regions < REGIONS_MAX ? lseek(fd, data, SEEK_HOLE) : size;

        if (hole < 0)
            return -1;
        if (data == 0 && hole >= size)
            return 0;
        archive_entry_sparse_add_entry(packing->entry, data, hole - data);
        at = hole;
    }
    return 0;
}

static int write_zeros(struct packing *packing, off_t length)
{
    while (length > 0) {
        size_t part =
            (uint64_t)length < PACKING_ZEROS_SIZE ? (size_t)length : (size_t)PACKING_ZEROS_SIZE;
        la_ssize_t written = archive_write_data(packing->archive, packing->zeros, part);

        if (written <= 0)
            return packing_archive_fail(packing);
        length -= written;
    }
    return 0;
}

static int write_region(struct packing *packing, int fd, off_t at, off_t length)
{
    while (length > 0) {
        size_t part = length < (off_t)PACKING_READ_SIZE ? (size_t)length : PACKING_READ_SIZE;
        ssize_t got = pread(fd, packing->buffer, part, at);

        if (got <= 0) {
            return got < 0 ? packing_fail(packing)
                           : fault_set(packing->fault, 0, "pack '%s': the file became shorter",
                                       path_text(&packing->path));
        }
        if (archive_write_data(packing->archive, packing->buffer, (size_t)got) != got)
            return packing_archive_fail(packing);
        at += got;
        length -= got;
    }
    return 0;
}

int pack_data_write(struct packing *packing, int fd, off_t size)
{
    la_int64_t start, length;

    if (archive_entry_sparse_reset(packing->entry) == 0)
        return write_region(packing, fd, 0, size);
    off_t at = 0;

    while (archive_entry_sparse_next(packing->entry, &start, &length) == ARCHIVE_OK) {
        if (write_zeros(packing, start - at) || write_region(packing, fd, start, length))
            return -1;
        at = start + length;
    }
    return write_zeros(packing, size - at);
}
