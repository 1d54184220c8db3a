/*
 * Reading images. Any input (docker-archive of every age, oci-archive, OCI folder, registry)
 * becomes a struct image whose layers are in the content store, each verified: the bytes were
 * hashed while they were read and nothing is used before its digest matched. manifest.json decides;
 * `repositories` with the parent chain is the 2016 form. An input file seen before (same device,
 * inode, size, mtime, ctime; not changed in the last two seconds when it was read) is not read
 * again.
 *
 * Everything read is hostile: names, sizes, counts and nesting are limited; a path in an archive is
 * only ever compared, never used on the host's file system.
 */
#ifndef VMBUILD_IMAGE_SOURCE_H
#define VMBUILD_IMAGE_SOURCE_H

#include "error.h"
#include "image.h"
#include "reference.h"
#include "store.h"

#define IMAGE_LAYERS_MAX 255
#define IMAGE_LAYER_SIZE_MAX (UINT64_C(1) << 42)

/* Which image of several, and for which platform. */
struct image_choice {
    const char *name;         /* fromImageName, or NULL: the first */
    const char *tag;          /* fromImageTag, or NULL */
    const char *architecture; /* GOARCH name, for manifest lists and OCI indexes */
};

/* Which forms of the layers the caller will use: the others may be left unmade. */
enum layer_form {
    LAYER_TAR = 1,  /* layer.tar_path */
    LAYER_BLOB = 2, /* layer.blob, where the source has one */
};

/* Opens the image that REFERENCE names. FORMS: LAYER_TAR, LAYER_BLOB or both. Errors: EXIT_INPUT
 * (not an image, truncated, digest mismatch, bad path, foreign or encrypted layers), EXIT_NETWORK,
 * EXIT_DISK_FULL (the cache's). *RET is the caller's. */
[[nodiscard]] struct error *image_open(const struct reference *reference,
                                       const struct image_choice *choice, unsigned int forms,
                                       struct store *store, struct image **ret);

/* Makes sure LAYER has its tar_path, decompressing the blob into the store where it has not. */
[[nodiscard]] struct error *image_need_tar(struct layer *layer, struct store *store);

#endif
