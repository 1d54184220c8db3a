#include "host/registry/auth.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/memory.h"
#include "host/registry/backoff.h"
#include "host/registry/base64.h"
#include "host/registry/credentials.h"
#include "host/registry/registry_error.h"
#include "host/registry/url.h"

#define CHALLENGE_HEADER "www-authenticate:"
#define CLIENT_ID "vmbuild" /* of OAuth2; token servers only log it */

struct auth {
    struct http_client *client;
    const char *auth_file;
    char *host, *name;
    struct strings scopes;
    pthread_mutex_t lock; /* of what follows */
    bool searched;        /* for credentials */
    struct credentials credentials;
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
    credentials_free(&auth->credentials);
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

/* RFC 9110, 5.6.2. */
static size_t token_length(const char *text)
{
    return strspn(text, "!#$%&'*+-.^_`|~0123456789"
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static void skip(const char **text, const char *characters)
{
    *text += strspn(*text, characters);
}

/* Reads a token or a quoted string at *TEXT. Returns the caller's, or NULL where there is none. */
static char *read_value(const char **text)
{
    if (**text != '"') {
        size_t length = token_length(*text);
        const char *start = *text;

        *text += length;
        return length > 0 ? xstrndup(start, length) : NULL;
    }
    CLEANUP(buffer_free) struct buffer value = {0};
    const char *at = *text + 1;

    for (; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (*at == '\0')
            return NULL;
        buffer_append(&value, at, 1);
    }
    *text = at + 1;
    return buffer_steal(&value);
}

/* Takes up the parameter NAME=VALUE of a Bearer challenge. VALUE is the caller's from then on only
 * where it is not kept. */
static void keep_parameter(struct challenge *challenge, const char *name, char *value)
{
    char **place = strcasecmp(name, "realm") == 0     ? &challenge->realm
                   : strcasecmp(name, "service") == 0 ? &challenge->service
                                                      : NULL;

    if (place == NULL || *place != NULL) {
        free(value);
        return;
    }
    *place = value;
}

/* Reads the challenges of one header: SCHEME NAME=VALUE, NAME=VALUE, SCHEME ... */
static void parse_header(const char *text, struct challenge *ret)
{
    bool in_bearer = false;

    for (;;) {
        skip(&text, " \t,");
        size_t length = token_length(text);

        if (length == 0)
            return;
        CLEANUP(freep) char *word = xstrndup(text, length);

        text += length;
        skip(&text, " \t");
        if (*text != '=') {
            in_bearer = strcasecmp(word, "Bearer") == 0;
            ret->bearer = ret->bearer || in_bearer;
            ret->basic = ret->basic || strcasecmp(word, "Basic") == 0;
            continue;
        }
        text++;
        skip(&text, " \t");
        char *value = read_value(&text);

        if (value == NULL)
            return;
        if (in_bearer)
            keep_parameter(ret, word, value);
        else
            free(value);
    }
}

void challenge_parse(const struct http_answer *answer, struct challenge *ret)
{
    *ret = (struct challenge){0};
    for (size_t i = 0; i < answer->headers.count; i++) {
        const char *header = answer->headers.items[i];

        if (strncmp(header, CHALLENGE_HEADER, strlen(CHALLENGE_HEADER)) == 0)
            parse_header(header + strlen(CHALLENGE_HEADER), ret);
    }
}

void challenge_free(struct challenge *challenge)
{
    free(challenge->realm);
    free(challenge->service);
    *challenge = (struct challenge){0};
}

static char *basic_header(const struct credentials *credentials)
{
    CLEANUP(buffer_free) struct buffer header = {0};
    CLEANUP(freep) char *pair = xasprintf("%s:%s", credentials->user, credentials->password);

    buffer_printf(&header, "Basic ");
    base64_encode(pair, strlen(pair), &header);
    explicit_bzero(pair, strlen(pair));
    return buffer_steal(&header);
}

struct error *auth_refused(struct auth *auth, const struct http_answer *answer)
{
    if (!credentials_given(&auth->credentials))
        return error_advise(
            registry_error(answer, "the registry asks for credentials, and there are none"),
            "log in, with skopeo login %s or docker login %s, or name the file with --authfile",
            auth->host, auth->host);
    CLEANUP(freep)
    char *what =
        xasprintf("the registry refuses the credentials in '%s'", auth->credentials.origin);

    return error_advise(registry_error(answer, what),
                        "check that they are valid, and that they give access to '%s'", auth->name);
}

/* The form of a request for a token by a refresh token. The caller's. */
static char *refresh_form(const struct auth *auth, const struct challenge *challenge)
{
    CLEANUP(buffer_free) struct buffer form = {0}, scopes = {0};

    for (size_t i = 0; i < auth->scopes.count; i++)
        buffer_printf(&scopes, "%s%s", i > 0 ? " " : "", auth->scopes.items[i]);
    CLEANUP(freep) char *scope = url_escape(scopes.data != NULL ? scopes.data : "");
    CLEANUP(freep) char *service = url_escape(challenge->service != NULL ? challenge->service : "");
    CLEANUP(freep) char *token = url_escape(auth->credentials.identity_token);

    buffer_printf(&form, "grant_type=refresh_token&service=%s&scope=%s&client_id=%s", service,
                  scope, CLIENT_ID);
    buffer_printf(&form, "&refresh_token=%s", token);
    return buffer_steal(&form);
}

/* The realm's URL with the query of a request for a token; NULL where it is no URL. */
static char *token_url(const struct auth *auth, const struct challenge *challenge)
{
    char *url = url_resolve(challenge->realm, "");

    struct {
        const char *name, *value;
    } const first[] = {{"service", challenge->service}, {"account", auth->credentials.user}};

    for (size_t i = 0; i < 2 + auth->scopes.count && url != NULL; i++) {
        const char *name = i < 2 ? first[i].name : "scope";
        const char *value = i < 2 ? first[i].value : auth->scopes.items[i - 2];

        if (value == NULL)
            continue;
        char *longer = url_add_query(url, name, value);

        free(url);
        url = longer;
    }
    return url;
}

/* Asks the token server, as often as it takes. */
static struct error *ask(struct auth *auth, const struct http_request *request,
                         struct http_answer *answer)
{
    struct backoff backoff = {0};
    struct error *err;

    for (;;) {
        err = http_exchange(auth->client, request, answer);
        if (!backoff_again(&backoff, answer, &err))
            break;
        http_answer_free(answer);
    }
    if (err != NULL)
        return err;
    if (answer->status == 200)
        return NULL;
    err = registry_error(answer, "its token server refuses");
    if (credentials_given(&auth->credentials))
        err = error_advise(err, "check the credentials in '%s'", auth->credentials.origin);
    return err;
}

static bool is_token(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return length > 0 && length <= AUTH_TOKEN_MAX;
}

/* Reads the token out of a token server's answer. *RET is the header; the caller's. */
static struct error *read_token(const struct http_answer *answer, char **ret)
{
    CLEANUP(json_freep) struct json *body = NULL;
    struct error *err =
        json_parse("the token server's answer", answer->body.data, answer->body.length, &body);

    if (err != NULL) {
        err->code = EXIT_NETWORK;
        return err;
    }
    const char *token = json_get_string(body, "token");

    if (token == NULL)
        token = json_get_string(body, "access_token");
    if (token == NULL || !is_token(token))
        return error_new(EXIT_NETWORK, "the token server's answer has no proper token");
    *ret = xasprintf("Bearer %s", token);
    return NULL;
}

static struct error *get_token(struct auth *auth, const struct challenge *challenge, char **ret)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    CLEANUP(freep) char *url = NULL;
    CLEANUP(freep) char *form = NULL;
    CLEANUP(freep) char *basic = NULL;
    struct http_request request = {.method = "GET", .answer_max = AUTH_ANSWER_MAX};

    if (auth->credentials.identity_token != NULL) {
        url = url_resolve(challenge->realm, "");
        form = refresh_form(auth, challenge);
        request.method = "POST";
        request.content_type = "application/x-www-form-urlencoded";
        request.body = form;
        request.body_length = strlen(form);
    } else {
        url = token_url(auth, challenge);
        if (auth->credentials.user != NULL)
            request.authorization = basic = basic_header(&auth->credentials);
    }
    if (url == NULL)
        return error_new(EXIT_NETWORK, "the registry names a token server that is no http URL");
    request.url = url;
    TRY(ask(auth, &request, &answer));
    return read_token(&answer, ret);
}

/* Answers CHALLENGE. Called with the lock. */
static struct error *answer_challenge(struct auth *auth, const struct http_answer *answer,
                                      const struct challenge *challenge, const char *used)
{
    CLEANUP(freep) char *header = NULL;

    if (!auth->searched) {
        TRY(credentials_find(auth->auth_file, auth->host, auth->name, &auth->credentials));
        auth->searched = true;
    }
    if (challenge->bearer && challenge->realm != NULL) {
        TRY(get_token(auth, challenge, &header));
    } else if (challenge->basic) {
        if (auth->credentials.user == NULL)
            return auth_refused(auth, answer);
        header = basic_header(&auth->credentials);
    } else {
        return error_new(EXIT_NETWORK, "the registry asks for an unknown kind of authentication");
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
    /* Where another thread has been here meanwhile, its header is the one to try. */
    bool current =
        auth->header == NULL ? used == NULL : used != NULL && strcmp(used, auth->header) == 0;

    if (current)
        err = answer_challenge(auth, answer, &challenge, used);
    pthread_mutex_unlock(&auth->lock);
    return err;
}
