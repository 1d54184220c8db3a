/*
 * An OCI image layout in a directory, as files (image_files.h). Only index.json and
 * blobs/sha256/HEX are ever opened, whatever the documents name. A blob that was read before, and
 * whose file is still the same (file_identity.h), is not read again if the store has the requested
 * forms of it.
 */
#ifndef VMBUILD_OCI_FOLDER_H
#define VMBUILD_OCI_FOLDER_H

#include "host/format/image_files.h"
#include "host/lib/error.h"
#include "host/store/store.h"

struct oci_folder;

/* Opens the layout in the directory PATH; STORE gets what is taken in. *RET is freed by
 * oci_folder_free. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *oci_folder_open(const char *path, struct store *store,
                                            struct oci_folder **ret);

/* The layout as files; valid until it is freed. */
struct image_files oci_folder_files(struct oci_folder *folder);

void oci_folder_free(struct oci_folder *folder);
static inline void oci_folder_freep(struct oci_folder **folder)
{
    oci_folder_free(*folder);
}

#endif
