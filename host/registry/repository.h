/*
 * One repository of a registry: requests below SCHEME://HOST/v2/NAME/, authenticated as the
 * registry requires (auth.h) and retried if that may help (backoff.h). Any thread may use it.
 *
 * The scheme is https, or http with --plain-http. On loopback, where registries often run without
 * certificates, it is http if the server does not speak TLS.
 */
#ifndef VMBUILD_REPOSITORY_H
#define VMBUILD_REPOSITORY_H

#include <stdbool.h>

#include "host/image/image_request.h"
#include "host/image/reference.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/registry/http.h"

struct repository_options {
    const struct registry_access *access; /* outlives the repository */
    bool push;                            /* otherwise only pull */
    const struct strings *mount_sources;  /* names of repositories to mount from, or NULL */
};

struct repository;

/* Opens the repository that REFERENCE names; on loopback that sends a request. *RET is freed by
 * repository_free. Errors: EXIT_NETWORK, EXIT_OTHER. */
[[nodiscard]] struct error *repository_open(const struct reference *reference,
                                            const struct repository_options *options,
                                            struct repository **ret);
void repository_free(struct repository *repository);
static inline void repository_freep(struct repository **repository)
{
    repository_free(*repository);
}

/* Returns the URL of the repository's PATH ("blobs/sha256:..."); the caller's. */
char *repository_url(const struct repository *repository, const char *path);

/* Carries out REQUEST, and again if the registry requires authentication first. The authorization
 * is added here, for URLs of the registry itself. Otherwise as http_exchange. */
[[nodiscard]] struct error *repository_exchange(struct repository *repository,
                                                const struct http_request *request,
                                                struct http_answer *ret);

/* The same, with retries (backoff.h). Only for requests that may be repeated and have no
 * `receive`. */
[[nodiscard]] struct error *repository_perform(struct repository *repository,
                                               const struct http_request *request,
                                               struct http_answer *ret);

#endif
