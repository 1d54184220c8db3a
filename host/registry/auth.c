#include "host/registry/auth.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/challenge.h"
#include "host/registry/credential.h"
#include "host/registry/credentials.h"
#include "host/registry/registry_error.h"
#include "host/registry/token.h"

/* The header for requests that mount from SOURCE, or for all others. */
struct grant {
    char *source; /* or NULL */
    char *header; /* or NULL */
    struct grant *next;
};

struct auth {
    struct http_client *client;
    struct auth_request request;
    pthread_mutex_t lock; /* guards what follows */
    bool searched;        /* whether credentials were looked for */
    bool is_token;        /* the registry asks for tokens; otherwise a header is good for all */
    struct credential credential;
    struct grant usual;
};

struct auth *auth_new(struct http_client *client, const struct auth_request *request)
{
    struct auth *auth = xcalloc(1, sizeof *auth);

    auth->client = client;
    auth->request = *request;
    if (request->user != NULL) {
        auth->searched = true;
        auth->credential.user = xstrdup(request->user);
        auth->credential.password = xstrdup(request->password);
        auth->credential.origin = xstrdup("the command line");
    }
    pthread_mutex_init(&auth->lock, NULL);
    return auth;
}

void auth_free(struct auth *auth)
{
    if (auth == NULL)
        return;
    for (struct grant *grant = auth->usual.next, *next; grant != NULL; grant = next) {
        next = grant->next;
        free(grant->source);
        free(grant->header);
        free(grant);
    }
    free(auth->usual.header);
    credential_free(&auth->credential);
    pthread_mutex_destroy(&auth->lock);
    free(auth);
}

/* Returns the grant for SOURCE, a new one if there is none. The caller holds the lock. */
static struct grant *find_grant(struct auth *auth, const char *source)
{
    struct grant *grant = &auth->usual;

    if (source == NULL || (!auth->is_token && grant->header != NULL))
        return grant;
    while (grant->next != NULL) {
        grant = grant->next;
        if (strcmp(grant->source, source) == 0)
            return grant;
    }
    grant->next = xcalloc(1, sizeof *grant);
    grant->next->source = xstrdup(source);
    return grant->next;
}

char *auth_header(struct auth *auth, const char *source)
{
    pthread_mutex_lock(&auth->lock);
    const struct grant *grant = find_grant(auth, source);
    char *header = grant->header != NULL ? xstrdup(grant->header) : NULL;

    pthread_mutex_unlock(&auth->lock);
    return header;
}

struct error *auth_refused(struct auth *auth, const struct http_answer *answer)
{
    if (!credential_given(&auth->credential))
        return error_advise(
            registry_error(answer, "the registry requires credentials, and none were found"),
            "log in with 'vmbuild login %s', or name a file with --authfile", auth->request.host);
    CLEANUP(freep)
    char *what =
        xasprintf("the registry rejected the credentials from '%s'", auth->credential.origin);

    if (auth->request.name == NULL)
        return registry_error(answer, what);
    return error_advise(registry_error(answer, what),
                        "check that they are valid and grant access to '%s'", auth->request.name);
}

static struct error *get_token(struct auth *auth, const struct challenge *challenge,
                               const char *source, char **ret)
{
    CLEANUP(strings_free) struct strings scopes = {0};
    struct token_request wanted = {challenge, &auth->credential, &scopes};

    if (auth->request.name != NULL)
        strings_take(&scopes, xasprintf("repository:%s:%s", auth->request.name,
                                        auth->request.push ? "pull,push" : "pull"));
    if (source != NULL)
        strings_take(&scopes, xasprintf("repository:%s:pull", source));
    auth->is_token = true;
    return token_get(auth->client, &wanted, ret);
}

/* Takes up CHALLENGE, which is ANSWER's, and sets GRANT's header. The caller holds the lock. */
static struct error *answer_challenge(struct auth *auth, struct grant *grant,
                                      const struct http_answer *answer,
                                      const struct challenge *challenge, const char *used)
{
    CLEANUP(freep) char *header = NULL;

    if (!auth->searched && auth->request.name != NULL) {
        TRY(credentials_find(auth->request.auth_file, auth->request.host, auth->request.name,
                             &auth->credential));
        auth->searched = true;
    }
    if (auth->credential.registry_token != NULL) {
        header = xasprintf("Bearer %s", auth->credential.registry_token);
    } else if (challenge->bearer && challenge->realm != NULL) {
        TRY(get_token(auth, challenge, grant->source, &header));
    } else if (challenge->basic) {
        if (auth->credential.user == NULL)
            return auth_refused(auth, answer);
        header = credential_basic(&auth->credential);
    } else {
        return error_new(EXIT_NETWORK,
                         "the registry requires an unsupported kind of authentication");
    }
    if (used != NULL && strcmp(used, header) == 0)
        return auth_refused(auth, answer);
    free(grant->header);
    grant->header = STEAL(header);
    return NULL;
}

struct error *auth_challenged(struct auth *auth, const char *source,
                              const struct http_answer *answer, const char *used)
{
    CLEANUP(challenge_free) struct challenge challenge = {0};
    struct error *err = NULL;

    challenge_parse(answer, &challenge);
    pthread_mutex_lock(&auth->lock);
    struct grant *grant = find_grant(auth, source);
    /* If another thread was faster, its header is the one to try. */
    bool current =
        grant->header == NULL ? used == NULL : used != NULL && strcmp(used, grant->header) == 0;

    if (current)
        err = answer_challenge(auth, grant, answer, &challenge, used);
    pthread_mutex_unlock(&auth->lock);
    return err;
}
