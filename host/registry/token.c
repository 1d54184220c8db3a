#include "host/registry/token.h"

#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"
#include "host/registry/backoff.h"
#include "host/registry/registry_error.h"
#include "host/registry/url.h"

#define CLIENT_ID "vmbuild" /* of OAuth2; token servers only log it */

/* Returns the form that requests a token for an identity token; the caller's. */
static char *refresh_form(const struct token_request *wanted)
{
    CLEANUP(buffer_free) struct buffer form = {0}, scopes = {0};

    for (size_t i = 0; i < wanted->scopes->count; i++)
        buffer_printf(&scopes, "%s%s", i > 0 ? " " : "", wanted->scopes->items[i]);
    CLEANUP(freep) char *scope = url_escape(scopes.data != NULL ? scopes.data : "");
    CLEANUP(freep)
    char *service =
        url_escape(wanted->challenge->service != NULL ? wanted->challenge->service : "");
    CLEANUP(freep) char *token = url_escape(wanted->credential->identity_token);

    buffer_printf(&form, "grant_type=refresh_token&service=%s&scope=%s&client_id=%s", service,
                  scope, CLIENT_ID);
    buffer_printf(&form, "&refresh_token=%s", token);
    return buffer_steal(&form);
}

/* Returns the realm's URL with the query that requests a token, or NULL if it is not a URL; the
 * caller's. */
static char *token_url(const struct token_request *wanted)
{
    char *url = url_resolve(wanted->challenge->realm, "");

    struct {
        const char *name, *value;
    } const first[] = {{"service", wanted->challenge->service},
                       {"account", wanted->credential->user}};

    for (size_t i = 0; i < 2 + wanted->scopes->count && url != NULL; i++) {
        const char *name = i < 2 ? first[i].name : "scope";
        const char *value = i < 2 ? first[i].value : wanted->scopes->items[i - 2];

        if (value == NULL)
            continue;
        char *longer = url_add_query(url, name, value);

        free(url);
        url = longer;
    }
    return url;
}

/* Asks the token server, with retries. */
static struct error *ask(struct http_client *client, const struct token_request *wanted,
                         const struct http_request *request, struct http_answer *answer)
{
    struct backoff backoff = {0};
    struct error *err;

    for (;;) {
        err = http_exchange(client, request, answer);
        if (!backoff_again(&backoff, answer, &err))
            break;
        http_answer_free(answer);
    }
    if (err != NULL)
        return err;
    if (answer->status == 200)
        return NULL;
    err = registry_error(answer, "the token server refused the request");
    if (credential_given(wanted->credential))
        err = error_advise(err, "check the credentials in '%s'", wanted->credential->origin);
    return err;
}

static bool is_token(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && length <= TOKEN_LENGTH_MAX && printable_is_ascii(text) &&
           strchr(text, ' ') == NULL;
}

/* Reads the token from a token server's answer. *RET is the header's value; the caller's. */
static struct error *read_token(const struct http_answer *answer, char **ret)
{
    CLEANUP(json_freep) struct json *body = NULL;
    struct error *err =
        json_parse("the token server's response", answer->body.data, answer->body.length, &body);

    if (err != NULL) {
        err->code = EXIT_NETWORK;
        return err;
    }
    const char *token = json_get_string(body, "token");

    if (token == NULL)
        token = json_get_string(body, "access_token");
    if (token == NULL || !is_token(token))
        return error_new(EXIT_NETWORK, "the token server sent no valid token");
    *ret = xasprintf("Bearer %s", token);
    return NULL;
}

struct error *token_get(struct http_client *client, const struct token_request *wanted, char **ret)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    CLEANUP(freep) char *url = NULL;
    CLEANUP(freep) char *form = NULL;
    CLEANUP(freep) char *basic = NULL;
    struct http_request request = {.method = "GET", .answer_max = TOKEN_ANSWER_MAX};

    if (wanted->credential->identity_token != NULL) {
        url = url_resolve(wanted->challenge->realm, "");
        form = refresh_form(wanted);
        request.method = "POST";
        request.is_secret = true;
        request.content_type = "application/x-www-form-urlencoded";
        request.body = form;
        request.body_length = strlen(form);
    } else {
        url = token_url(wanted);
        if (wanted->credential->user != NULL)
            request.authorization = basic = credential_basic(wanted->credential);
    }
    if (url == NULL)
        return error_new(EXIT_NETWORK, "the registry named a token server with an invalid URL");
    request.url = url;
    TRY(ask(client, wanted, &request, &answer));
    return read_token(&answer, ret);
}
