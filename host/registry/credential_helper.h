/*
 * Docker's credential helpers. A helper is a program docker-credential-NAME on the user's PATH.
 * Called with "get", it reads a server's name from standard input and prints what it keeps for that
 * server as JSON; "store" reads such JSON, and "erase" a server's name. NAME comes from the user's
 * own configuration.
 */
#ifndef VMBUILD_CREDENTIAL_HELPER_H
#define VMBUILD_CREDENTIAL_HELPER_H

#include "host/lib/error.h"
#include "host/registry/credential.h"

#define CREDENTIAL_HELPER_OUTPUT_MAX (256u << 10)

/* Asks the helper NAME for the credential of SERVER. *RET, zeroed before, stays so if the helper
 * has none. Errors: EXIT_NETWORK if the helper is missing or fails, with what it printed. */
[[nodiscard]] struct error *credential_helper_get(const char *name, const char *server,
                                                  struct credential *ret);

/* Has the helper NAME keep USER and PASSWORD for SERVER. Errors: as above. */
[[nodiscard]] struct error *credential_helper_store(const char *name, const char *server,
                                                    const char *user, const char *password);

/* Has the helper NAME forget what it keeps for SERVER. Errors: as above. */
[[nodiscard]] struct error *credential_helper_erase(const char *name, const char *server);

#endif
