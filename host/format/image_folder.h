/*
 * An image in a directory, an OCI layout or one of skopeo's (dir_image.h), as files
 * (image_files.h). Only index.json, manifest.json, blobs and the manifests among them are ever
 * opened, whatever the documents name. A blob that was read before, and whose file is still the
 * same (file_identity.h), is not read again if the store has the requested forms of it.
 */
#ifndef VMBUILD_IMAGE_FOLDER_H
#define VMBUILD_IMAGE_FOLDER_H

#include "host/format/image_files.h"
#include "host/lib/error.h"
#include "host/store/store.h"

struct image_folder;

/* Opens the image in the directory PATH; STORE gets what is taken in. *RET is freed by
 * image_folder_free. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *image_folder_open(const char *path, struct store *store,
                                              struct image_folder **ret);

/* The image as files; valid until it is freed. */
struct image_files image_folder_files(struct image_folder *folder);

void image_folder_free(struct image_folder *folder);
static inline void image_folder_freep(struct image_folder **folder)
{
    image_folder_free(*folder);
}

#endif
