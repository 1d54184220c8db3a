/*
 * Images from registries, by the OCI distribution API (distribution-spec 1.1, "Pull"); the other
 * way is registry_push.h. What is found is kept in the store under its digest, manifests included:
 * an image that is named by digest and was pulled before needs no registry.
 *
 * Answers are hostile: sizes are limited (http.h, manifest.h), and nothing is used before its
 * digest was checked.
 */
#ifndef VMBUILD_REGISTRY_PULL_H
#define VMBUILD_REGISTRY_PULL_H

#include <stdbool.h>

#include "host/image/image.h"
#include "host/image/reference.h"
#include "host/lib/error.h"
#include "host/store/store.h"

#define REGISTRY_TRANSFERS 4 /* blobs under way at once */

struct registry_options {
    bool plain_http;       /* --plain-http: asked for */
    const char *auth_file; /* --authfile, or NULL */
};

/* The process-wide options of pull, push and docker:// inputs; set once by main. */
void registry_setup(const struct registry_options *options);

/* Those options; borrowed. */
const struct registry_options *registry_given(void);

/* Pulls the image that REFERENCE names into STORE; from an index that for CHOICE's architecture.
 * FORMS are the forms of the layers that the caller uses (enum layer_form); 0: none, and then the
 * layers are what the manifest says of them. Where REFERENCE has a
 * digest, that and not the tag is asked for, and the tag is only the image's. Errors: EXIT_NETWORK;
 * EXIT_INPUT where there is no image for the architecture, where what came is not what the digests
 * say, or is refused (manifest.h); EXIT_DISK_FULL (the cache's). *RET is the caller's. */
[[nodiscard]] struct error *registry_pull(const struct reference *reference,
                                          const struct image_choice *choice, unsigned int forms,
                                          struct store *store, struct image **ret);

#endif
