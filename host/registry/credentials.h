/*
 * Finds the user's credential for a registry. The places are those of containers-auth.json(5), in
 * their order, and Docker's:
 *
 *   --authfile, else $REGISTRY_AUTH_FILE     if set, no other place counts
 *   $XDG_RUNTIME_DIR/containers/auth.json    (/run/containers/UID without the variable)
 *   $XDG_CONFIG_HOME/containers/auth.json    (~/.config without the variable)
 *   $DOCKER_CONFIG/config.json               (~/.docker without the variable)
 *   ~/.dockercfg                             only entries, without "auths" around them
 *
 * The first file with a credential for the image decides. Within a file these come first to last:
 * the registry's helper (credHelpers); the entry whose key is the longest namespace that contains
 * the image (HOST/A/B, HOST/A, HOST); the helper for all registries (credsStore). A key may also be
 * a URL, and end in a slash or in the API's version: https://HOST/v2/.
 */
#ifndef VMBUILD_CREDENTIALS_H
#define VMBUILD_CREDENTIALS_H

#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/registry/credential.h"

#define CREDENTIALS_FILE_MAX (4u << 20)

/* Finds the credential for repository NAME at HOST (HOST[:PORT], "docker.io" for Docker's).
 * AUTH_FILE: of --authfile, or NULL. *RET is freed by credential_free. Errors: EXIT_INPUT if a file
 * is malformed, or if --authfile or $REGISTRY_AUTH_FILE names a missing one; EXIT_NETWORK if a
 * helper fails. */
[[nodiscard]] struct error *credentials_find(const char *auth_file, const char *host,
                                             const char *name, struct credential *ret);

/* Returns the file that a login writes: the first of the places above. AUTH_FILE: of --authfile, or
 * NULL. The caller's. */
char *credentials_path(const char *auth_file);

/* Returns the registry or namespace that TEXT, a key of such a file, means; the caller's. */
char *credentials_key(const char *text);

/* Returns the helper that FILE, the content of such a file, names for HOST alone, borrowed; "" if
 * it says that the file has the credential; NULL if it names none. */
const char *credentials_helper(const struct json *file, const char *host);

/* Returns the name by which helpers know HOST. */
const char *credentials_server(const char *host);

#endif
