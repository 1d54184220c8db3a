/*
 * How a server requires requests to be authorized: the WWW-Authenticate headers of an answer with
 * status 401 (RFC 9110, 11.6.1), as far as registries use them.
 */
#ifndef VMBUILD_CHALLENGE_H
#define VMBUILD_CHALLENGE_H

#include <stdbool.h>

#include "host/registry/http.h"

/* The strings are the structure's own; NULL if the server did not send them. */
struct challenge {
    bool basic, bearer;
    char *realm, *service; /* of Bearer: the token server's URL, and who it issues tokens for */
};

/* Reads all WWW-Authenticate headers of ANSWER; malformed ones are skipped. Of several parameters
 * with one name the first counts. *RET is freed by challenge_free. */
void challenge_parse(const struct http_answer *answer, struct challenge *ret);

/* Frees the members and zeroes CHALLENGE. */
void challenge_free(struct challenge *challenge);

#endif
