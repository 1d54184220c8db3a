#include "host/registry/repository.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/auth.h"
#include "host/registry/backoff.h"
#include "host/registry/registries_conf.h"
#include "host/registry/registry_error.h"
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
    char *base;        /* SCHEME://HOST/v2/ */
    char *host, *name; /* NAME may be NULL */
    unsigned int tries;
    atomic_bool asked; /* whether the registry knows users */
};

static struct auth *make_auth(const struct repository *repository,
                              const struct repository_options *options)
{
    const struct registry_access *access = options->access;
    struct auth_request request = {.host = repository->host,
                                   .name = repository->name,
                                   .push = options->push,
                                   .auth_file = access->auth_file};

    if (!options->no_creds && access->user != NULL) {
        request.user = access->user;
        request.password = access->password;
    }
    return auth_new(repository->client, &request);
}

/* Requests URL, the base of a registry's API, without retries. Failures are in *RET alone. */
static void ping(struct http_client *client, const char *url, bool is_probe,
                 struct http_answer *ret)
{
    struct http_request request = {
        .method = "GET", .url = url, .is_probe = is_probe, .answer_max = PING_MAX};

    error_free(http_exchange(client, &request, ret));
}

/* Returns the URL of the API of HOST. Where plain HTTP will do, TLS is tried first. Failures are
 * left to the first real request. The caller's. */
static char *choose_base(struct http_client *client, const char *host, bool plain, bool insecure)
{
    CLEANUP(freep) char *secure = xasprintf("https://%s/v2/", host);
    CLEANUP(freep) char *open = xasprintf("http://%s/v2/", host);
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    CLEANUP(http_answer_free) struct http_answer other = {0};

    if (plain)
        return STEAL(open);
    if (!insecure && !url_is_loopback(secure))
        return STEAL(secure);
    ping(client, secure, true, &answer);
    if (answer.not_tls)
        return STEAL(open);
    if (insecure && answer.status == 0)
        ping(client, open, false, &other);
    return other.status != 0 ? STEAL(open) : STEAL(secure);
}

struct error *repository_open(const struct reference *reference,
                              const struct repository_options *options, struct repository **ret)
{
    const struct registry_access *access = options->access;
    const char *host =
        strcmp(reference->host, DOCKER_HOST) == 0 ? DOCKER_API_HOST : reference->host;
    CLEANUP(repository_freep) struct repository *repository = xcalloc(1, sizeof *repository);
    bool insecure = options->insecure;

    if (options->push)
        TRY(registries_conf_push(reference, access, &insecure));
    struct http_policy policy = {.plain_allowed = access->plain_http || insecure,
                                 .unverified = insecure,
                                 .deadline = access->deadline,
                                 .seconds = access->seconds};

    TRY(http_client_new(host, &policy, &repository->client));
    repository->host = xstrdup(reference->host);
    repository->name = reference->name != NULL ? xstrdup(reference->name) : NULL;
    repository->tries = options->tries;
    repository->auth = make_auth(repository, options);
    repository->base = choose_base(repository->client, host, access->plain_http, insecure);
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
    free(repository->host);
    free(repository->name);
    free(repository);
}

char *repository_url(const struct repository *repository, const char *path)
{
    return xasprintf("%s%s/%s", repository->base, repository->name, path);
}

/* Returns whether ANSWER is the registry's own demand for authorization. Another server that it
 * redirected to must not choose where the user's credential is sent. */
static bool is_challenge(const struct repository *repository, const struct http_answer *answer)
{
    return answer->status == 401 && url_same_origin(answer->url, repository->base);
}

/* After an anonymous request was answered with ANSWER: whether it may be worth repeating, because
 * the registry knows users and this one may be known. */
static bool finds_login(struct repository *repository, const struct http_answer *answer)
{
    CLEANUP(http_answer_free) struct http_answer other = {0};

    if ((answer->status != 403 && answer->status != 404) ||
        atomic_exchange(&repository->asked, true))
        return false;
    ping(repository->client, repository->base, false, &other);
    if (!is_challenge(repository, &other))
        return false;
    struct error *err = auth_challenged(repository->auth, NULL, &other, NULL);

    error_free(err);
    return err == NULL;
}

/* Takes up ANSWER, a challenge, to a request with the header USED. Some registries tell only at
 * the base of their API how they authenticate. */
static struct error *take_up(struct repository *repository, const char *source,
                             const struct http_answer *answer, const char *used)
{
    CLEANUP(http_answer_free) struct http_answer other = {0};

    if (http_header(answer, "www-authenticate") != NULL)
        return auth_challenged(repository->auth, source, answer, used);
    ping(repository->client, repository->base, false, &other);
    return auth_challenged(repository->auth, source,
                           is_challenge(repository, &other) ? &other : answer, used);
}

static struct error *exchange(struct repository *repository, const struct http_request *request,
                              const char *source, struct http_answer *ret)
{
    bool own = url_same_origin(request->url, repository->base);
    struct http_request authorized = *request;

    for (unsigned int challenges = 0;; challenges++) {
        CLEANUP(freep) char *header = own ? auth_header(repository->auth, source) : NULL;

        authorized.authorization = header;
        TRY(http_exchange(repository->client, &authorized, ret));
        if (own && header == NULL && source == NULL && finds_login(repository, ret)) {
            http_answer_free(ret);
            continue;
        }
        if (!own || !is_challenge(repository, ret))
            return NULL;
        if (challenges == CHALLENGES_MAX)
            return auth_refused(repository->auth, ret);
        TRY(take_up(repository, source, ret, header));
        http_answer_free(ret);
    }
}

struct error *repository_exchange(struct repository *repository, const struct http_request *request,
                                  struct http_answer *ret)
{
    return exchange(repository, request, NULL, ret);
}

struct error *repository_mount(struct repository *repository, const struct http_request *request,
                               const char *source, struct http_answer *ret)
{
    struct backoff backoff = {0};

    for (;;) {
        struct error *err = exchange(repository, request, source, ret);

        if (!backoff_again(&backoff, ret, &err)) {
            if (err == NULL || err->code != EXIT_NETWORK)
                return err;
            error_free(err);
            http_answer_free(ret);
            return NULL;
        }
        http_answer_free(ret);
    }
}

struct error *repository_perform(struct repository *repository, const struct http_request *request,
                                 struct http_answer *ret)
{
    struct backoff backoff = {.most = repository->tries};

    for (;;) {
        struct error *err = exchange(repository, request, NULL, ret);

        if (!backoff_again(&backoff, ret, &err))
            return err;
        http_answer_free(ret);
    }
}

struct error *repository_check(struct repository *repository)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    struct http_request request = {
        .method = "GET", .url = repository->base, .answer_max = PING_MAX};

    TRY(repository_perform(repository, &request, &answer));
    if (answer.status < 200 || answer.status > 299)
        return registry_error(&answer, "the registry refused the request");
    return NULL;
}
