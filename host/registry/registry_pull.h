/*
 * Pulls images from registries by the OCI distribution API (distribution-spec 1.1, "Pull"); its
 * counterpart is registry_push.h. Everything that is downloaded is kept in the store under its
 * digest, manifests included, so an image that is named by digest and was pulled before needs no
 * registry.
 *
 * Registries may be hostile: sizes are limited (http.h, manifest.h), and nothing is used before its
 * digest was checked.
 */
#ifndef VMBUILD_REGISTRY_PULL_H
#define VMBUILD_REGISTRY_PULL_H

#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/image/reference.h"
#include "host/lib/error.h"

#define REGISTRY_TRANSFERS 4 /* blobs that are transferred at the same time */

/* Pulls the image that REFERENCE names into the store of REQUEST; from an index, the image for the
 * architecture of its choice, whose name and tag are ignored. If no form of the layers is
 * requested, the layers are only described, as their manifest has them. If REFERENCE has a digest,
 * the image is requested by that, and the tag is only recorded. Errors: EXIT_NETWORK; EXIT_INPUT if
 * there is no image for the architecture, if something received does not match its digest, or is
 * refused (manifest.h); EXIT_DISK_FULL (the cache's). *RET is the caller's. */
[[nodiscard]] struct error *registry_pull(const struct reference *reference,
                                          const struct image_request *request, struct image **ret);

/* Returns the name of REFERENCE's repository as Docker's users know it, without "docker.io" and its
 * "library/"; the caller's. */
char *registry_familiar_name(const struct reference *reference);

#endif
