/*
 * Who the user is for a registry. The places are those of containers-auth.json(5), in their order,
 * and Docker's:
 *
 *   --authfile, else $REGISTRY_AUTH_FILE              alone, where given
 *   $XDG_RUNTIME_DIR/containers/auth.json             (/run/containers/UID without the variable)
 *   $XDG_CONFIG_HOME/containers/auth.json             (~/.config without the variable)
 *   $DOCKER_CONFIG/config.json                        (~/.docker without the variable)
 *   ~/.dockercfg                                      the entries alone, no "auths" around them
 *
 * The first file that has something for the image decides. Within a file: the registry's helper
 * (credHelpers); then the entry whose key is the longest namespace that holds the image
 * (HOST/A/B, HOST/A, HOST); then an entry whose key is the registry's URL; then the helper for all
 * (credsStore).
 */
#ifndef VMBUILD_CREDENTIALS_H
#define VMBUILD_CREDENTIALS_H

#include "host/lib/error.h"
#include "host/registry/credential.h"

#define CREDENTIALS_FILE_MAX (4u << 20)

/* Looks for the credentials of repository NAME at HOST (HOST[:PORT], "docker.io" for Docker's).
 * AUTH_FILE: of --authfile, or NULL. Errors: EXIT_INPUT where a file is malformed, or where the one
 * that was asked for is missing; EXIT_NETWORK where a helper fails. */
[[nodiscard]] struct error *credentials_find(const char *auth_file, const char *host,
                                             const char *name, struct credential *ret);

#endif
