/*
 * Authentication for one repository: the value of the Authorization header, as the registry's
 * challenge requires it (challenge.h). For "Basic" it is made from the user's credential; for
 * "Bearer" it shows a token (token.h).
 *
 * Nothing is sent until the registry asks for it. A token is good for the repository alone; to
 * mount from another repository takes a separate one, so that a refusal of that spoils nothing
 * else. Tokens expire, so the exchange is repeated
 * whenever a request is answered with status 401. Any thread may use an auth; of those that are
 * challenged at the same time, one gets the new header for all.
 */
#ifndef VMBUILD_AUTH_H
#define VMBUILD_AUTH_H

#include <stdbool.h>

#include "host/lib/error.h"
#include "host/registry/http.h"

struct auth;

/* Whose authentication it is. All borrowed, and must outlive the auth. */
struct auth_request {
    const char *host, *name;     /* the repository's; no name: the registry's as a whole */
    bool push;                   /* otherwise only pull */
    const char *auth_file;       /* for credentials_find */
    const char *user, *password; /* the credential itself; NULL: it is looked for */
};

/* Returns the authentication that REQUEST describes, the caller's. CLIENT must outlive it. */
struct auth *auth_new(struct http_client *client, const struct auth_request *request);
void auth_free(struct auth *auth);

/* Returns the header's value for the next request, or NULL if none is needed; the caller's. SOURCE:
 * the repository that the request mounts a blob from, or NULL. Such a request needs a token that is
 * good for both repositories, which the token server may refuse. */
char *auth_header(struct auth *auth, const char *source);

/* Takes up ANSWER, with status 401, to a request that was sent with the header USED (or NULL) and
 * mounts from SOURCE, unless that is NULL. Afterwards auth_header returns another value. Errors:
 * EXIT_NETWORK, among others if the registry rejected everything there is; EXIT_INPUT, of
 * credentials_find. */
[[nodiscard]] struct error *auth_challenged(struct auth *auth, const char *source,
                                            const struct http_answer *answer, const char *used);

/* Returns the error for ANSWER, whose status is 401 although auth_challenged took up earlier
 * ones. */
[[nodiscard]] struct error *auth_refused(struct auth *auth, const struct http_answer *answer);

#endif
