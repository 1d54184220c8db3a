/*
 * Reads an image in a directory as skopeo's transport `dir` writes it (containers/image,
 * directory/directory_transport.go): manifest.json is the manifest or the index as it came,
 * HEX.manifest.json are the manifests of an index, and HEX are the blobs.
 */
#ifndef VMBUILD_DIR_IMAGE_H
#define VMBUILD_DIR_IMAGE_H

#include <stdbool.h>

#include "host/format/image_files.h"
#include "host/image/image.h"
#include "host/image/image_bundle.h"
#include "host/image/image_request.h"
#include "host/lib/error.h"

#define DIR_IMAGE_MANIFEST "manifest.json"
#define DIR_IMAGE_MANIFEST_SUFFIX ".manifest.json"
#define DIR_IMAGE_VERSION "Directory Transport Version: 1.1\n" /* of the file `version` */

/* Returns whether FILES, of a directory, are such an image: whether there is a manifest.json. */
bool dir_image_is(const struct image_files *files);

/* Reads the image that REQUEST asks for; it has no name. Errors: EXIT_INPUT, EXIT_DISK_FULL. *RET
 * is the caller's. */
[[nodiscard]] struct error *dir_image_read(const struct image_files *files,
                                           const struct image_request *request, struct image **ret);

/* Reads the whole bundle, for all platforms, into the store of REQUEST, or with ROOT_ONLY the
 * manifest or index alone. *RET is empty before. Errors: as above. */
[[nodiscard]] struct error *dir_image_read_bundle(const struct image_files *files,
                                                  const struct image_request *request,
                                                  bool root_only, struct image_bundle *ret);

#endif
