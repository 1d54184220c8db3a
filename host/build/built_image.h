/*
 * Images that were built for others or for a registry, kept in the store: the layers as its blobs,
 * and a record of the rest (format/image_record.h), whose name is a digest of the image's config,
 * name and manifest. A build on one finds what it would find in the image's file.
 */
#ifndef VMBUILD_BUILT_IMAGE_H
#define VMBUILD_BUILT_IMAGE_H

#include "host/format/output.h"
#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"
#include "host/store/store.h"

/* Keeps IMAGE in STORE: the files of its new layer are moved there. If OUTPUT is of a format that
 * has a manifest, so has the image. *RET is its name there. Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *built_image_keep(struct image *image, const struct output *output,
                                             struct store *store, struct digest *ret);

/* The same for an image that is only looked for: others find its config, and of its layers what is
 * there. */
void built_image_note(const struct image *image, struct store *store, struct digest *ret);

/* Opens IMAGE as REQUEST asks for it: if it was built, the one of BUILT by its node. *RET is the
 * caller's. Errors: those of image_open; EXIT_AGAIN if it is no longer in the store. */
[[nodiscard]] struct error *built_image_open(const struct spec_image *image,
                                             const struct digest *built,
                                             const struct image_request *request,
                                             struct image **ret);

/* Opens the image that a build with RESULT (build_result.h) has kept in STORE, its layers in the
 * form that the build made. *RET is the caller's. Errors: EXIT_AGAIN if it is no longer there. */
[[nodiscard]] struct error *built_image_get(const struct json *result, struct store *store,
                                            struct image **ret);

#endif
