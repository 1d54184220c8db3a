#include "host/registry/repository.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/auth.h"
#include "host/registry/backoff.h"
#include "host/registry/url.h"

/* Docker's registry answers at a different name from the one that users write. */
#define DOCKER_HOST "docker.io"
#define DOCKER_API_HOST "registry-1.docker.io"

/* The token may have expired, and its replacement may be too narrow. More challenges than that are
 * a refusal. */
#define CHALLENGES_MAX 2

#define PING_MAX (64u << 10)

struct repository {
    struct http_client *client;
    struct auth *auth;
    char *base; /* SCHEME://HOST/v2/ */
    char *name;
};

static struct auth *make_auth(struct http_client *client, const struct reference *reference,
                              const struct repository_options *options)
{
    struct strings scopes = {0};

    strings_take(&scopes, xasprintf("repository:%s:%s", reference->name,
                                    options->push ? "pull,push" : "pull"));
    for (size_t i = 0; options->mount_sources != NULL && i < options->mount_sources->count; i++)
        strings_take(&scopes, xasprintf("repository:%s:pull", options->mount_sources->items[i]));
    return auth_new(client, options->access->auth_file, reference->host, reference->name, &scopes);
}

/* Returns whether a server at URL, which is https on loopback, does not speak TLS. Other failures
 * are left to the first real request. */
static bool lacks_tls(struct http_client *client, const char *url)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    struct http_request ping = {.method = "GET", .url = url, .answer_max = PING_MAX};

    error_free(http_exchange(client, &ping, &answer));
    return answer.not_tls;
}

struct error *repository_open(const struct reference *reference,
                              const struct repository_options *options, struct repository **ret)
{
    const char *host =
        strcmp(reference->host, DOCKER_HOST) == 0 ? DOCKER_API_HOST : reference->host;
    CLEANUP(repository_freep) struct repository *repository = xcalloc(1, sizeof *repository);

    TRY(http_client_new(host, options->access->plain_http, &repository->client));
    repository->name = xstrdup(reference->name);
    repository->auth = make_auth(repository->client, reference, options);
    repository->base =
        xasprintf("%s://%s/v2/", options->access->plain_http ? "http" : "https", host);
    if (!options->access->plain_http && url_is_loopback(repository->base) &&
        lacks_tls(repository->client, repository->base)) {
        free(repository->base);
        repository->base = xasprintf("http://%s/v2/", host);
    }
    *ret = STEAL(repository);
    return NULL;
}

void repository_free(struct repository *repository)
{
    if (repository == NULL)
        return;
    auth_free(repository->auth);
    http_client_free(repository->client);
    free(repository->base);
    free(repository->name);
    free(repository);
}

char *repository_url(const struct repository *repository, const char *path)
{
    return xasprintf("%s%s/%s", repository->base, repository->name, path);
}

struct error *repository_exchange(struct repository *repository, const struct http_request *request,
                                  struct http_answer *ret)
{
    bool own = url_same_origin(request->url, repository->base);
    struct http_request authorized = *request;

    for (unsigned int challenges = 0;; challenges++) {
        CLEANUP(freep) char *header = own ? auth_header(repository->auth) : NULL;

        authorized.authorization = header;
        TRY(http_exchange(repository->client, &authorized, ret));
        if (ret->status != 401 || !own)
            return NULL;
        if (challenges == CHALLENGES_MAX)
            return auth_refused(repository->auth, ret);
        TRY(auth_challenged(repository->auth, ret, header));
        http_answer_free(ret);
    }
}

struct error *repository_perform(struct repository *repository, const struct http_request *request,
                                 struct http_answer *ret)
{
    struct backoff backoff = {0};

    for (;;) {
        struct error *err = repository_exchange(repository, request, ret);

        if (!backoff_again(&backoff, ret, &err))
            return err;
        http_answer_free(ret);
    }
}
