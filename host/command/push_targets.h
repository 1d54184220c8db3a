/*
 * What `push` and `copy` send to registries: one image, or a bundle with the images of all
 * platforms, to any number of references. Those of one repository share a push.
 */
#ifndef VMBUILD_PUSH_TARGETS_H
#define VMBUILD_PUSH_TARGETS_H

#include <stddef.h>

#include "host/image/image.h"
#include "host/image/image_bundle.h"
#include "host/image/image_request.h"
#include "host/image/reference.h"
#include "host/lib/error.h"
#include "host/store/store.h"

struct push_content {
    const struct image *image; /* or NULL: */
    const struct image_bundle *bundle;
};

/* Checks that the credential of --creds, if ACCESS has one, is for a single registry: no other gets
 * to see it. Errors: EXIT_USAGE. */
[[nodiscard]] struct error *push_targets_check(const struct reference *targets, size_t count,
                                               const struct registry_access *access);

/* Pushes CONTENT to the COUNT TARGETS, all in registries. Sets *RET to the digest of the manifest
 * if there are any. Errors: as registry_push and registry_push_bundle. */
[[nodiscard]] struct error *push_targets_send(const struct push_content *content,
                                              const struct reference *targets, size_t count,
                                              const struct registry_access *access,
                                              struct store *store, struct digest *ret);

/* The same, and shows each target with the digest. */
[[nodiscard]] struct error *push_targets(const struct push_content *content,
                                         const struct reference *targets, size_t count,
                                         const struct registry_access *access, struct store *store);

#endif
