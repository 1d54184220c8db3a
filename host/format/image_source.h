/*
 * Reads images. Any input (a docker-archive of any age, an oci-archive, an OCI layout in a
 * directory, a registry) becomes a struct image whose layers are in the content store. All bytes
 * are hashed while they are read, and nothing is used before its digest was checked.
 *
 * An archive with a manifest.json is a docker-archive, with an index.json an OCI layout, and with
 * only `repositories` the docker-archive of 2016. An archive that was read before (same device,
 * inode, size, mtime and ctime, and last changed at least two seconds before it was read) is not
 * read again.
 *
 * Inputs may be hostile: names, sizes, counts and nesting are limited, and a path in an archive is
 * only compared, never used on the host's file system.
 */
#ifndef VMBUILD_IMAGE_SOURCE_H
#define VMBUILD_IMAGE_SOURCE_H

#include "host/image/image.h"
#include "host/image/image_bundle.h"
#include "host/image/image_request.h"
#include "host/image/reference.h"
#include "host/lib/error.h"

/* Opens the image that REFERENCE names, as REQUEST asks for it; a name or tag in REFERENCE takes
 * precedence over those of REQUEST. *RET is the caller's. Errors: EXIT_INPUT (not an image,
 * truncated, digest mismatch, bad path, foreign or encrypted layers), EXIT_NETWORK, EXIT_DISK_FULL
 * (the cache's). */
[[nodiscard]] struct error *image_open(const struct reference *reference,
                                       const struct image_request *request, struct image **ret);

/* Reads the whole bundle that REFERENCE leads to (image_bundle.h), or with ROOT_ONLY its manifest
 * or index alone. *RET is empty before, and stays so if REFERENCE leads to one of Docker's
 * archives, which have neither. Errors: as image_open. */
[[nodiscard]] struct error *image_open_bundle(const struct reference *reference,
                                              const struct image_request *request, bool root_only,
                                              struct image_bundle *ret);

#endif
