/*
 * The spec's `config` object: what of it is checked before a build. Keys that are not known are
 * kept as they are.
 */
#ifndef VMBUILD_SPEC_CONFIG_H
#define VMBUILD_SPEC_CONFIG_H

#include "host/lib/error.h"
#include "host/lib/json.h"

/* Checks CONFIG's members (OCI image-spec, "Image Configuration", `config`) and brings them into
 * the form that Docker stores: a Cmd or Entrypoint that is a string becomes a list of one. Returns
 * NULL, or what is wrong, with line and column ("line L, column C: key 'config.Env': ..."). */
[[nodiscard]] struct error *spec_config_check(struct json *config);

#endif
