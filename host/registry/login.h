/*
 * Logging in to registries and out again: a credential is tried, and written to the user's file of
 * credentials or removed from it. Place and form of the file are those of containers-auth.json(5),
 * so that skopeo, podman and others read it. It is replaced as a whole, with mode 0600. If the file
 * names a credential helper for the registry, that keeps the credential instead.
 */
#ifndef VMBUILD_LOGIN_H
#define VMBUILD_LOGIN_H

#include "host/image/image_request.h"
#include "host/lib/error.h"

/* Tries the user and the password of ACCESS at the registry of KEY, HOST[:PORT][/NAMESPACE], and
 * keeps them for KEY. *RET_PATH is the file, the caller's. Errors: EXIT_INPUT if KEY or the file is
 * malformed; EXIT_NETWORK, also if the registry rejects them; EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *login_put(const char *key, const struct registry_access *access,
                                      char **ret_path);

/* Removes what is kept for KEY from the file that AUTH_FILE (NULL: not given) decides. *RET_PATH is
 * the file, the caller's. Errors: EXIT_INPUT, also if there is nothing; EXIT_NETWORK (the
 * helper's); EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *login_remove(const char *key, const char *auth_file, char **ret_path);

#endif
