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
#include "host/image/image_bundle.h"
#include "host/lib/error.h"
#include "host/store/store.h"
#include "host/tar/compression.h"
#include "host/tar/tar_writer.h"

struct oci_writer;

/* Makes IMAGE's documents, and for each layer without a blob one in COMPRESSION, kept in STORE. The
 * manifest is OCI's, or with ANY_TYPE the one that an unchanged image came with, if it has one.
 * *RET is freed by oci_writer_free, before STORE. Errors: EXIT_DISK_FULL (the cache's), EXIT_OTHER.
 */
[[nodiscard]] struct error *oci_writer_new(const struct image *image, enum compression compression,
                                           bool any_type, struct store *store,
                                           struct oci_writer **ret);

/* The same for BUNDLE, all of whose blobs are there, in STORE or elsewhere, unchanged. Never
 * returns NULL. */
struct oci_writer *oci_writer_of_bundle(const struct image_bundle *bundle, struct store *store);

/* Adds what the OCI layout in the directory FOLDER has, except an image of the same name; without
 * an index.json it has nothing. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *oci_writer_add_layout(struct oci_writer *writer, const char *folder);

/* Fills FOLDER, an empty directory. Errors: EXIT_DISK_FULL (the output's), EXIT_OTHER. */
[[nodiscard]] struct error *oci_writer_fill_folder(const struct oci_writer *writer,
                                                   const char *folder);

/* Fills FOLDER, an empty directory, as skopeo's transport `dir` does (dir_image.h). Errors: as
 * above. */
[[nodiscard]] struct error *oci_writer_fill_dir(const struct oci_writer *writer,
                                                const char *folder);

/* Adds the files to ARCHIVE, which is not compressed. Errors: as oci_writer_fill_folder. */
[[nodiscard]] struct error *oci_writer_fill_archive(const struct oci_writer *writer,
                                                    struct tar_writer *archive);

/* Sets *RET_DIGEST and *RET_SIZE to those of the image's manifest, or of the bundle's root. */
void oci_writer_manifest(const struct oci_writer *writer, struct digest *ret_digest,
                         uint64_t *ret_size);

/* Adds to BUNDLE what a layout of IMAGE would have, as oci_writer_new makes it, the manifest last.
 * *RET, unless NULL, is the entry for an index, the caller's. Errors: those of oci_writer_new. */
[[nodiscard]] struct error *oci_writer_bundle(const struct image *image,
                                              enum compression compression, struct store *store,
                                              struct image_bundle *bundle, struct json **ret);

/* Returns how many bytes the blobs have. */
uint64_t oci_writer_size(const struct oci_writer *writer);

void oci_writer_free(struct oci_writer *writer);
static inline void oci_writer_freep(struct oci_writer **writer)
{
    oci_writer_free(*writer);
}

#endif
