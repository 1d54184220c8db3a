#include "guest/tar/pack_data.h"

#include <errno.h>
#include <unistd.h>

/* Writes LENGTH zeros by their address alone (packing.c). */
static int write_hole(struct packing *packing, off_t length)
{
    packing->holes += (uint64_t)length;
    if (packing->holes >> 30 >= packing->sink.holes_max) {
        return fault_set(packing->fault, 0,
                         "pack '%s': with it, the files of the layer have holes of %u GiB or more, "
                         "which a layer stores as zeros",
                         path_text(&packing->path), packing->sink.holes_max);
    }
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

int pack_data_write(struct packing *packing, int fd, off_t size, bool holes)
{
    off_t at = 0;

    if (!holes)
        return write_region(packing, fd, 0, size);
    while (at < size) {
        off_t data = lseek(fd, at, SEEK_DATA);

        if (data < 0 && errno != ENXIO) /* which means that only a hole is left */
            return packing_fail(packing);
        off_t hole = data < 0 ? size : lseek(fd, data, SEEK_HOLE);

        if (hole < 0)
            return packing_fail(packing);
        if (data < 0 || data > size)
            data = size;
        if (hole > size)
            hole = size;
        if (write_hole(packing, data - at) || write_region(packing, fd, data, hole - data))
            return -1;
        at = hole;
    }
    return 0;
}
