/*
 * The config document of the new image: the base's whole document, with the spec's `config` over
 * its `config`. Pure.
 *
 *   Env                             merged by variable name
 *   Labels, Volumes, ExposedPorts   merged by key
 *   Cmd                             cleared where the spec sets Entrypoint and no Cmd, like Docker
 *   any other key                   the spec's replaces the base's
 *   null                            removes the base's key, or its entry in one of the maps
 *
 * created is the spec's; architecture, variant and os stay the base's. rootfs and history are
 * extended by the new layer. History is optional in OCI, but where there is one its entries without
 * `empty_layer` stand for the layers: a base's that is too short is filled up, and one with more
 * entries than layers is not taken over. What Docker noted of the container and the build that made
 * the base, or of its v1 ID, would not be true of the new image and is dropped.
 */
#ifndef VMBUILD_IMAGE_CONFIG_H
#define VMBUILD_IMAGE_CONFIG_H

#include <stdint.h>

#include "host/image/image.h"
#include "host/lib/json.h"

/* Makes IMAGE->config from BASE (NULL: none), SPEC_CONFIG (NULL or the spec's `config` object),
 * CREATED (seconds since 1970), ARCHITECTURE (GOARCH, where the base says none) and IMAGE->layers,
 * the last of which is the new one where HAS_NEW_LAYER. Errors: EXIT_INPUT where the base's or the
 * spec's config is malformed. */
[[nodiscard]] struct error *image_config_make(const struct json *base,
                                              const struct json *spec_config, int64_t created,
                                              const char *architecture, bool has_new_layer,
                                              struct image *image);

/* Appends the bytes of IMAGE's config document: as it came, or else as compact JSON. */
void image_config_write(const struct image *image, struct buffer *out);

#endif
