/*
 * An image in a tar archive, as files (image_files.h).
 *
 * Archives are in any order, and `docker save` puts manifest.json last. In an uncompressed file
 * only the headers are read at first; members are then read from their places when they are needed.
 * A compressed file or a pipe can be read only once: small members are kept in memory, large ones
 * are taken in (layer_intake.h) as they pass, and those that nobody requests are dropped with the
 * archive.
 *
 * Nothing is unpacked: names are keys of an index (archive_index.h) and never paths on the host.
 */
#ifndef VMBUILD_IMAGE_ARCHIVE_H
#define VMBUILD_IMAGE_ARCHIVE_H

#include "host/format/image_files.h"
#include "host/lib/error.h"
#include "host/store/store.h"

struct image_archive;

/* Opens the archive PATH, open as FD (the caller's, used until the archive is freed). FORMS: of the
 * layers that will be asked for (enum layer_form bits). STORE gets what is taken in. Errors:
 * EXIT_INPUT (not an archive, truncated, damaged, beyond a limit), EXIT_DISK_FULL. *RET is the
 * caller's. */
[[nodiscard]] struct error *image_archive_open(const char *path, int fd, unsigned int forms,
                                               struct store *store, struct image_archive **ret);

/* The archive as files; valid until it is freed. */
struct image_files image_archive_files(struct image_archive *archive);

void image_archive_free(struct image_archive *archive);
static inline void image_archive_freep(struct image_archive **archive)
{
    image_archive_free(*archive);
}

#endif
