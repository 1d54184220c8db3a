/*
 * Reading a tar file, compressed or not, with libarchive. Names are bytes: libarchive does not
 * convert them (charset.h). In an uncompressed file, data is skipped by seeking.
 */
#ifndef VMBUILD_TAR_READER_H
#define VMBUILD_TAR_READER_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

struct tar_reader;

/* Starts reading the file PATH, open as FD (the caller's), at OFFSET, which must be the start of a
 * header of an uncompressed file, or 0. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *tar_reader_new(const char *path, int fd, uint64_t offset,
                                           struct tar_reader **ret);

/* Whether the file can be read again from a member's offset: it is a regular, uncompressed one. */
bool tar_reader_is_seekable(const struct tar_reader *reader);

/* The next member's header, borrowed until the next call; NULL at the end. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *tar_reader_next(struct tar_reader *reader, struct archive_entry **ret);

/* Where the header of the current member starts. */
uint64_t tar_reader_offset(const struct tar_reader *reader);

/* Passes the current member's data to SINK, piece by piece. Holes of a sparse file come as zeros.
 * Errors: EXIT_INPUT, and those of SINK. */
[[nodiscard]] struct error *tar_reader_copy(struct tar_reader *reader, struct sink sink);

void tar_reader_free(struct tar_reader *reader);
static inline void tar_reader_freep(struct tar_reader **reader)
{
    tar_reader_free(*reader);
}

#endif
