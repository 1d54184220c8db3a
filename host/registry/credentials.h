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
 * the image (HOST/A/B, HOST/A, HOST); an entry whose key is the registry's URL; the helper for all
 * registries (credsStore).
 */
#ifndef VMBUILD_CREDENTIALS_H
#define VMBUILD_CREDENTIALS_H

#include "host/lib/error.h"
#include "host/registry/credential.h"

#define CREDENTIALS_FILE_MAX (4u << 20)

/* Finds the credential for repository NAME at HOST (HOST[:PORT], "docker.io" for Docker's).
 * AUTH_FILE: of --authfile, or NULL. *RET is freed by credential_free. Errors: EXIT_INPUT if a file
 * is malformed, or if --authfile or $REGISTRY_AUTH_FILE names a missing one; EXIT_NETWORK if a
 * helper fails. */
[[nodiscard]] struct error *credentials_find(const char *auth_file, const char *host,
                                             const char *name, struct credential *ret);

#endif
