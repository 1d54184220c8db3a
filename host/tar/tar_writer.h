/*
 * A tar of an image's parts, written to a file or pipe, compressed as a whole or not. Entries
 * belong to root, without owner names, and have one fixed mtime.
 *
 * gzip members and zstd frames may be joined: what is already compressed is copied as a separate
 * member, and the entries between such members are compressed into one.
 */
#ifndef VMBUILD_TAR_WRITER_H
#define VMBUILD_TAR_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/lib/file.h"
#include "host/tar/compression.h"

struct tar_writer;

/* Starts an archive at FD's position; FD stays the caller's. NAME is what errors call it. MTIME is
 * in seconds since 1970; an earlier one becomes 0. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *tar_writer_new(int fd, const char *name, enum compression compression,
                                           int64_t mtime, struct tar_writer **ret);

/* Adds the directory PATH, which ends in a slash. Paths are at most 100 bytes. */
[[nodiscard]] struct error *tar_writer_folder(struct tar_writer *writer, const char *path);

/* Adds a file of LENGTH bytes. */
[[nodiscard]] struct error *tar_writer_bytes(struct tar_writer *writer, const char *path,
                                             const void *bytes, size_t length);

/* Adds a file with the SIZE bytes of the file FROM, copied by COPIER. Only for an archive that is
 * not compressed. */
[[nodiscard]] struct error *tar_writer_file(struct tar_writer *writer, const char *path,
                                            const char *from, uint64_t size,
                                            struct file_copier copier);

/* Adds a file of SIZE bytes, which the file FROM of PACKED_SIZE bytes contains in the archive's own
 * compression. */
[[nodiscard]] struct error *tar_writer_packed(struct tar_writer *writer, const char *path,
                                              uint64_t size, const char *from, uint64_t packed_size,
                                              struct file_copier copier);

/* Ends the archive. WRITER is still to be freed. */
[[nodiscard]] struct error *tar_writer_finish(struct tar_writer *writer);

void tar_writer_free(struct tar_writer *writer);
static inline void tar_writer_freep(struct tar_writer **writer)
{
    tar_writer_free(*writer);
}

#endif
