/*
 * Whole bundles (image_bundle.h) from and to registries: an index with the images of all platforms
 * keeps its bytes and digests. For one image see registry_pull.h and registry_push.h.
 */
#ifndef VMBUILD_REGISTRY_BUNDLE_H
#define VMBUILD_REGISTRY_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/image/image_bundle.h"
#include "host/image/image_request.h"
#include "host/image/reference.h"
#include "host/lib/error.h"
#include "host/store/store.h"

/* Pulls what REFERENCE names into the store of REQUEST, whose choice and forms do not matter; with
 * ROOT_ONLY just the manifest or index itself. *RET is empty before. Errors: EXIT_NETWORK;
 * EXIT_INPUT; EXIT_DISK_FULL (the cache's). */
[[nodiscard]] struct error *registry_pull_bundle(const struct reference *reference,
                                                 const struct image_request *request,
                                                 bool root_only, struct image_bundle *ret);

/* Pushes BUNDLE, whose blobs are all there, to the repository of the COUNT REFERENCES, which is
 * one and the same, under the tag of each. Errors: EXIT_NETWORK, EXIT_INPUT. */
[[nodiscard]] struct error *registry_push_bundle(const struct image_bundle *bundle,
                                                 const struct reference *references, size_t count,
                                                 const struct registry_access *access,
                                                 struct store *store);

#endif
