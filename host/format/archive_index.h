/*
 * The index of a tar archive that holds an image: its members by name.
 *
 * Archives come in any order, and `docker save` puts manifest.json last. An uncompressed file is
 * walked by its headers alone, and the members that turn out to be wanted are then read where they
 * lie. A compressed one, or a pipe, can be read only once: small members are kept in memory, large
 * ones are taken in (layer_intake.h) as they pass; what nobody asks for is dropped with the index.
 *
 * Nothing in an archive is unpacked: names are keys of the index and never paths on the host. Links
 * lead from name to name within the index.
 */
#ifndef VMBUILD_ARCHIVE_INDEX_H
#define VMBUILD_ARCHIVE_INDEX_H

#include "host/format/image_files.h"
#include "host/lib/error.h"
#include "host/store/store.h"

struct archive_index;

/* Reads the index of the archive PATH, open as FD (the caller's, used until the index is freed).
 * WANTED: the forms of layers that will be asked for. Errors: EXIT_INPUT (no archive, truncated,
 * damaged, beyond a limit), EXIT_DISK_FULL. */
[[nodiscard]] struct error *archive_index_open(const char *path, int fd, unsigned int wanted,
                                               struct store *store, struct archive_index **ret);

/* The index as a files, valid as long as the index. */
struct image_files archive_index_files(struct archive_index *index);

void archive_index_free(struct archive_index *index);
static inline void archive_index_freep(struct archive_index **index)
{
    archive_index_free(*index);
}

#endif
