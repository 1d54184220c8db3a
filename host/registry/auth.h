/*
 * Authentication for one repository: what goes into the Authorization header, as the registry's
 * challenge (WWW-Authenticate) asks for it. With "Basic" that is user name and password; with
 * "Bearer" a token from the token server that the challenge names (distribution's "Token
 * Authentication" and "OAuth2" specifications), with the user's credentials or anonymously.
 *
 * Nothing is sent before a registry asks. Tokens run out, so the same exchange happens again
 * whenever a 401 comes; threads that share an auth get a new token once.
 */
#ifndef VMBUILD_AUTH_H
#define VMBUILD_AUTH_H

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/registry/http.h"

struct auth;

/* Makes the authentication for repository NAME at HOST. SCOPES are those that a token is asked for;
 * they are moved out. AUTH_FILE is for credentials_find; it and CLIENT stay the caller's and
 * outlive the auth. */
struct auth *auth_new(struct http_client *client, const char *auth_file, const char *host,
                      const char *name, struct strings *scopes);
void auth_free(struct auth *auth);

/* Returns the header's value for the next request, or NULL; the caller's. */
char *auth_header(struct auth *auth);

/* Takes up ANSWER, whose status is 401, to a request that had the header USED (or NULL). After
 * success auth_header gives another value. Errors: EXIT_NETWORK, EXIT_INPUT; among them that the
 * registry has refused what there is. */
[[nodiscard]] struct error *auth_challenged(struct auth *auth, const struct http_answer *answer,
                                            const char *used);

/* The error for ANSWER, whose status is 401 whatever the registry was told. Not while other threads
 * use AUTH for the first time. */
[[nodiscard]] struct error *auth_refused(struct auth *auth, const struct http_answer *answer);

#endif
