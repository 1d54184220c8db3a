/*
 * Authentication for one repository: the value of the Authorization header, as the registry's
 * challenge requires it (challenge.h). For "Basic" it is made from the user's credential; for
 * "Bearer" it shows a token (token.h).
 *
 * Nothing is sent until the registry asks for it. Tokens expire, so the exchange is repeated
 * whenever a request is answered with status 401. Any thread may use an auth; of those that are
 * challenged at the same time, one gets the new header for all.
 */
#ifndef VMBUILD_AUTH_H
#define VMBUILD_AUTH_H

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/registry/http.h"

struct auth;

/* Returns the authentication for repository NAME at HOST, the caller's. SCOPES, which a token is
 * requested for, become its own. AUTH_FILE is for credentials_find; it and CLIENT stay the caller's
 * and must outlive the auth. */
struct auth *auth_new(struct http_client *client, const char *auth_file, const char *host,
                      const char *name, struct strings *scopes);
void auth_free(struct auth *auth);

/* Returns the header's value for the next request, or NULL if none is needed; the caller's. */
char *auth_header(struct auth *auth);

/* Takes up ANSWER, with status 401, to a request that was sent with the header USED (or NULL).
 * Afterwards auth_header returns another value. Errors: EXIT_NETWORK, among others if the registry
 * rejected everything there is; EXIT_INPUT, of credentials_find. */
[[nodiscard]] struct error *auth_challenged(struct auth *auth, const struct http_answer *answer,
                                            const char *used);

/* Returns the error for ANSWER, whose status is 401 although auth_challenged took up earlier
 * ones. */
[[nodiscard]] struct error *auth_refused(struct auth *auth, const struct http_answer *answer);

#endif
