/*
 * Pushes images to registries by the OCI distribution API (distribution-spec 1.1, "Push"): first
 * the blobs, several at a time (blob_upload.h), then the manifest.
 *
 * An unchanged image from an OCI layout or a registry keeps its manifest, and thereby its digest
 * and media types. Any other image gets a manifest of Docker's schema 2, which every registry
 * accepts, with layers compressed by gzip; or an OCI manifest if one of its layers is compressed by
 * zstd, or if it has annotations.
 */
#ifndef VMBUILD_REGISTRY_PUSH_H
#define VMBUILD_REGISTRY_PUSH_H

#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/image/reference.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/store/store.h"

/* Pushes IMAGE to the repository of the COUNT REFERENCES, which is one and the same, under the tag
 * of each (by default "latest"; a digest must be that of the manifest), reached by ACCESS. Each
 * layer has its blob or its tar; STORE gets the blobs that have to be made. *RET is the manifest's
 * digest. Errors: EXIT_NETWORK; EXIT_INPUT; EXIT_DISK_FULL (the cache's). */
[[nodiscard]] struct error *registry_push(const struct image *image,
                                          const struct reference *references, size_t count,
                                          const struct registry_access *access, struct store *store,
                                          struct digest *ret);

#endif
