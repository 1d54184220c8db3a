/*
 * A user's credential for a registry: a user name with its password, or a token.
 * credentials.h finds it. Secrets are never part of a message, and are overwritten when they are
 * freed.
 */
#ifndef VMBUILD_CREDENTIAL_H
#define VMBUILD_CREDENTIAL_H

#include <stdbool.h>

/* Zeroed: none. The strings are the structure's own. */
struct credential {
    char *user, *password;
    char *identity_token; /* a refresh token for the registry's token server */
    char *registry_token; /* a token that the registry itself accepts */
    char *origin;         /* the file that it was found in, for messages */
};

/* Returns whether there is one. */
bool credential_given(const struct credential *credential);

/* Returns the value of an Authorization header of the Basic scheme (RFC 7617) for CREDENTIAL, which
 * has a user name; the caller's. */
char *credential_basic(const struct credential *credential);

/* Frees the members, overwrites the secrets, and zeroes CREDENTIAL. */
void credential_free(struct credential *credential);

#endif
