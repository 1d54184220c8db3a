/*
 * An OCI image layout that lies in a folder, as a files. Of the names that documents give only
 * index.json and blobs/sha256/HEX are ever opened. A blob that was read before and is the same file
 * still (file_identity.h) is not read again where the store has what is wanted of it.
 */
#ifndef VMBUILD_OCI_FOLDER_H
#define VMBUILD_OCI_FOLDER_H

#include "host/format/image_files.h"
#include "host/lib/error.h"
#include "host/store/store.h"

struct oci_folder;

/* Opens the folder PATH. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *oci_folder_open(const char *path, struct store *store,
                                            struct oci_folder **ret);

/* The folder as a files, valid as long as it is open. */
struct image_files oci_folder_files(struct oci_folder *folder);

void oci_folder_free(struct oci_folder *folder);
static inline void oci_folder_freep(struct oci_folder **folder)
{
    oci_folder_free(*folder);
}

#endif
