/*
 * Writes an image as an OCI image layout (image-spec 1.1, "Image Layout"), into a directory or an
 * archive: its blobs, sorted by digest, `index.json` and `oci-layout`.
 *
 * Layers that came as blobs keep their bytes and digests; others are compressed. An unchanged image
 * that has an OCI manifest keeps that as well.
 */
#ifndef VMBUILD_OCI_WRITER_H
#define VMBUILD_OCI_WRITER_H

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/store/store.h"
#include "host/tar/compression.h"
#include "host/tar/tar_writer.h"

struct oci_writer;

/* Makes IMAGE's documents, and for each layer without a blob one in COMPRESSION, kept in STORE.
 * *RET is freed by oci_writer_free. Errors: EXIT_DISK_FULL (the cache's), EXIT_OTHER. */
[[nodiscard]] struct error *oci_writer_new(const struct image *image, enum compression compression,
                                           struct store *store, struct oci_writer **ret);

/* Fills FOLDER, an empty directory. Errors: EXIT_DISK_FULL (the output's), EXIT_OTHER. */
[[nodiscard]] struct error *oci_writer_fill_folder(const struct oci_writer *writer,
                                                   const char *folder);

/* Adds the files to ARCHIVE, which is not compressed. Errors: as oci_writer_fill_folder. */
[[nodiscard]] struct error *oci_writer_fill_archive(const struct oci_writer *writer,
                                                    struct tar_writer *archive);

void oci_writer_free(struct oci_writer *writer);
static inline void oci_writer_freep(struct oci_writer **writer)
{
    oci_writer_free(*writer);
}

#endif
