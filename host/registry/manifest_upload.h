/*
 * Uploads a manifest to a registry (distribution-spec 1.1, "Pushing manifests"), after the blobs
 * that it names (blob_upload.h). The counterpart of manifest_download.h.
 */
#ifndef VMBUILD_MANIFEST_UPLOAD_H
#define VMBUILD_MANIFEST_UPLOAD_H

#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/registry/repository.h"

/* Puts the manifest BYTES of the media type TYPE into REPOSITORY under TAG, or if that is NULL
 * under its digest. *RET_DIGEST is its digest. Errors: EXIT_NETWORK. */
[[nodiscard]] struct error *manifest_upload(struct repository *repository, const char *tag,
                                            const char *type, const struct buffer *bytes,
                                            struct digest *ret_digest);

#endif
