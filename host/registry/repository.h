/*
 * One repository of a registry: requests below SCHEME://HOST/v2/NAME/, authenticated as the
 * registry requires (auth.h) and retried if that may help (backoff.h). Any thread may use it.
 *
 * The scheme is https, or http with --plain-http. On loopback, where registries often run without
 * certificates, it is http if the server does not speak TLS; likewise for an insecure registry,
 * whose certificate is not verified either.
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
    bool insecure; /* plain HTTP or any certificate will do; to push, registries.conf(5) decides */
    bool no_creds; /* the credential of ACCESS is not for this repository */
    unsigned int tries; /* of repository_perform; 0: as many as backoff.h allows */
};

struct repository;

/* Opens the repository that REFERENCE names (without a name, the registry as a whole); on loopback,
 * and if it is insecure, that sends requests. *RET is freed by repository_free. Errors:
 * EXIT_NETWORK, EXIT_OTHER; to push, those of registries_conf_push. */
[[nodiscard]] struct error *repository_open(const struct reference *reference,
                                            const struct repository_options *options,
                                            struct repository **ret);
void repository_free(struct repository *repository);
static inline void repository_freep(struct repository **repository)
{
    repository_free(*repository);
}

/* Checks whether the registry accepts the credential. Errors: EXIT_NETWORK if it does not. */
[[nodiscard]] struct error *repository_check(struct repository *repository);

/* Returns the URL of the repository's PATH ("blobs/sha256:..."); the caller's. */
char *repository_url(const struct repository *repository, const char *path);

/* Carries out REQUEST, and again if the registry requires authentication first. A registry may also
 * hide what an anonymous request does not get to see (status 403 or 404): it is asked once whether
 * it knows users. The authorization is added here, for URLs of the registry itself. Otherwise as
 * http_exchange. */
[[nodiscard]] struct error *repository_exchange(struct repository *repository,
                                                const struct http_request *request,
                                                struct http_answer *ret);

/* The same for a request that mounts a blob from the repository SOURCE. A refusal by the token
 * server or for lack of permission is an answer without a status. */
[[nodiscard]] struct error *repository_mount(struct repository *repository,
                                             const struct http_request *request, const char *source,
                                             struct http_answer *ret);

/* repository_exchange with retries (backoff.h). Only for requests that may be repeated and have no
 * `receive`. */
[[nodiscard]] struct error *repository_perform(struct repository *repository,
                                               const struct http_request *request,
                                               struct http_answer *ret);

#endif
