/*
 * Images that were built for others, kept in the store under their IDs: the layers as its blobs,
 * and a record of the rest (format/image_record.h). A build on one finds what it would find in the
 * image's file.
 */
#ifndef VMBUILD_BUILT_IMAGE_H
#define VMBUILD_BUILT_IMAGE_H

#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/spec/spec.h"
#include "host/store/store.h"

/* Keeps IMAGE in STORE: the files of its new layer are moved there. *RET is its ID. Errors:
 * EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *built_image_keep(struct image *image, struct store *store,
                                             struct digest *ret);

/* Opens IMAGE as REQUEST asks for it: if it was built, the one of BUILT by its node. *RET is the
 * caller's. Errors: those of image_open; EXIT_AGAIN if it is no longer in the store. */
[[nodiscard]] struct error *built_image_open(const struct spec_image *image,
                                             const struct digest *built,
                                             const struct image_request *request,
                                             struct image **ret);

#endif
