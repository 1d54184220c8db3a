/*
 * Registries: the OCI distribution API over libcurl, which only this module and http.c know.
 * Credentials come from the places and in the order of containers-auth.json(5) and from Docker
 * credential helpers. TLS is verified; plain HTTP is for loopback only unless asked for. Digests
 * are checked while streaming; a broken blob resumes; 429 and 5xx are tried again with back-off.
 * Answers are hostile: sizes are limited.
 */
#ifndef VMBUILD_REGISTRY_H
#define VMBUILD_REGISTRY_H

#include <stdbool.h>

#include "error.h"
#include "image.h"
#include "image_source.h"
#include "reference.h"
#include "store.h"

struct registry_options {
    bool plain_http;       /* --plain-http: asked for */
    const char *auth_file; /* --authfile, or NULL */
};

/* The process-wide options of pull, push and docker:// inputs; set once by main. */
void registry_setup(const struct registry_options *options);

/* Pulls the image into STORE: manifest lists by CHOICE's platform, Docker schema 2 and OCI
 * manifests; schema 1 is refused. Every layer has its blob; tars are made where FORMS asks for
 * LAYER_TAR. Where REFERENCE has a digest, the manifest must match it. Errors: EXIT_NETWORK,
 * EXIT_INPUT. */
[[nodiscard]] struct error *registry_pull(const struct reference *reference,
                                          const struct image_choice *choice, unsigned int forms,
                                          struct store *store, struct image **ret);

/* Pushes IMAGE to REFERENCE: blobs there are skipped, cross-mounts tried, chunks resumed. */
[[nodiscard]] struct error *registry_push(const struct image *image,
                                          const struct reference *reference, struct store *store);

#endif
