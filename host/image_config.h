/*
 * The config document of the new image: the base's whole config, with the spec's over it. `Env` is
 * merged by variable name, `Labels` (and the other maps: ExposedPorts, Volumes) by key; Cmd is
 * cleared where the spec sets Entrypoint and no Cmd, as Docker does; every other key of the spec
 * replaces the base's. rootfs and history are the base's, extended by the new layer. Pure.
 */
#ifndef VMBUILD_IMAGE_CONFIG_H
#define VMBUILD_IMAGE_CONFIG_H

#include <stdint.h>

#include "image.h"
#include "json.h"

/* Makes IMAGE->config from BASE (NULL: none), SPEC_CONFIG (NULL or the spec's `config` object),
 * CREATED (seconds since 1970), ARCHITECTURE (GOARCH) and IMAGE->layers, the last of which is the
 * new one where HAS_NEW_LAYER. Errors: EXIT_INPUT where the base's config is malformed. */
[[nodiscard]] struct error *image_config_make(const struct json *base,
                                              const struct json *spec_config, int64_t created,
                                              const char *architecture, bool has_new_layer,
                                              struct image *image);

/* Seconds since 1970 as RFC 3339 in UTC, and back. Years 0001 to 9999. */
char *image_config_time(int64_t seconds);
bool image_config_parse_time(const char *text, int64_t *ret);

#endif
