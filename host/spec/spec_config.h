/*
 * The spec's `config` object: what is checked of it before a build. Unknown members are kept.
 */
#ifndef VMBUILD_SPEC_CONFIG_H
#define VMBUILD_SPEC_CONFIG_H

#include "host/lib/error.h"
#include "host/lib/json.h"

/* Checks CONFIG's members (OCI image-spec, "Image Configuration", `config`) and gives them the form
 * that Docker stores: a Cmd or Entrypoint that is a string becomes a list of one. Errors:
 * EXIT_INPUT, from spec_error ("line L, column C: key 'config.Env': ..."). */
[[nodiscard]] struct error *spec_config_check(struct json *config);

/* Returns the member that NAME is the name of, in any case, as it is spelled; or the one that is
 * spelled nearly so. NULL: there is none. Static. */
const char *spec_config_member(const char *name);
const char *spec_config_nearest(const char *name);

#endif
