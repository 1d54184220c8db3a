/*
 * Tokens of the Bearer scheme, from the token server that a registry's challenge names (the
 * distribution project's "Token Authentication" and "OAuth2"): for the user's credential, or
 * anonymous ones. An identity token is sent in a form; a user name and password are sent by the
 * Basic scheme, with a query.
 */
#ifndef VMBUILD_TOKEN_H
#define VMBUILD_TOKEN_H

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/registry/challenge.h"
#include "host/registry/credential.h"
#include "host/registry/http.h"

#define TOKEN_ANSWER_MAX (1u << 20)  /* bytes of a token server's answer */
#define TOKEN_LENGTH_MAX (32u << 10) /* bytes of a token: it has to fit into a header */

/* All borrowed. */
struct token_request {
    const struct challenge *challenge; /* with a realm */
    const struct credential *credential;
    const struct strings *scopes;
};

/* Gets a token through CLIENT, with retries (backoff.h). *RET is the value of the Authorization
 * header that shows it; the caller's. Errors: EXIT_NETWORK. */
[[nodiscard]] struct error *token_get(struct http_client *client,
                                      const struct token_request *wanted, char **ret);

#endif
