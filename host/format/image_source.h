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

#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/image/reference.h"
#include "host/lib/error.h"

/* Opens the image that REFERENCE names, as REQUEST asks for it; a name or tag in REFERENCE comes
 * before those of REQUEST. Errors: EXIT_INPUT (not an image, truncated, digest mismatch, bad path,
 * foreign or encrypted layers), EXIT_NETWORK, EXIT_DISK_FULL (the cache's). *RET is the caller's. */
[[nodiscard]] struct error *image_open(const struct reference *reference,
                                       const struct image_request *request, struct image **ret);

#endif
