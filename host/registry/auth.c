#include "host/registry/auth.h"

#include <pthread.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/challenge.h"
#include "host/registry/credential.h"
#include "host/registry/credentials.h"
#include "host/registry/registry_error.h"
#include "host/registry/token.h"

struct auth {
    struct http_client *client;
    const char *auth_file;
    char *host, *name;
    struct strings scopes;
    pthread_mutex_t lock; /* guards what follows */
    bool searched;        /* whether credentials were looked for */
    struct credential credential;
    char *header;
};

struct auth *auth_new(struct http_client *client, const char *auth_file, const char *host,
                      const char *name, struct strings *scopes)
{
    struct auth *auth = xcalloc(1, sizeof *auth);

    auth->client = client;
    auth->auth_file = auth_file;
    auth->host = xstrdup(host);
    auth->name = xstrdup(name);
    auth->scopes = *scopes;
    *scopes = (struct strings){0};
    pthread_mutex_init(&auth->lock, NULL);
    return auth;
}

void auth_free(struct auth *auth)
{
    if (auth == NULL)
        return;
    free(auth->host);
    free(auth->name);
    strings_free(&auth->scopes);
    credential_free(&auth->credential);
    free(auth->header);
    pthread_mutex_destroy(&auth->lock);
    free(auth);
}

char *auth_header(struct auth *auth)
{
    pthread_mutex_lock(&auth->lock);
    char *header = auth->header != NULL ? xstrdup(auth->header) : NULL;

    pthread_mutex_unlock(&auth->lock);
    return header;
}

struct error *auth_refused(struct auth *auth, const struct http_answer *answer)
{
    if (!credential_given(&auth->credential))
        return error_advise(
            registry_error(answer, "the registry requires credentials, and none were found"),
            "log in with 'skopeo login %s' or 'docker login %s', or name a file with --authfile",
            auth->host, auth->host);
    CLEANUP(freep)
    char *what =
        xasprintf("the registry rejected the credentials from '%s'", auth->credential.origin);

    return error_advise(registry_error(answer, what),
                        "check that they are valid and grant access to '%s'", auth->name);
}

/* Takes up CHALLENGE, which is ANSWER's, and sets the header. The caller holds the lock. */
static struct error *answer_challenge(struct auth *auth, const struct http_answer *answer,
                                      const struct challenge *challenge, const char *used)
{
    CLEANUP(freep) char *header = NULL;
    struct token_request wanted = {challenge, &auth->credential, &auth->scopes};

    if (!auth->searched) {
        TRY(credentials_find(auth->auth_file, auth->host, auth->name, &auth->credential));
        auth->searched = true;
    }
    if (challenge->bearer && challenge->realm != NULL) {
        TRY(token_get(auth->client, &wanted, &header));
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
    free(auth->header);
    auth->header = STEAL(header);
    return NULL;
}

struct error *auth_challenged(struct auth *auth, const struct http_answer *answer, const char *used)
{
    CLEANUP(challenge_free) struct challenge challenge = {0};
    struct error *err = NULL;

    challenge_parse(answer, &challenge);
    pthread_mutex_lock(&auth->lock);
    /* If another thread was faster, its header is the one to try. */
    bool current =
        auth->header == NULL ? used == NULL : used != NULL && strcmp(used, auth->header) == 0;

    if (current)
        err = answer_challenge(auth, answer, &challenge, used);
    pthread_mutex_unlock(&auth->lock);
    return err;
}
