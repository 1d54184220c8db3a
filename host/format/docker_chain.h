/*
 * Reads Docker's archives of 2016 and before, which have no manifest.json (moby, image/tarexport,
 * "legacy"). `repositories` leads from names and tags to layer IDs. Each layer has ID/json, which
 * names its parent, and ID/layer.tar. The image is the chain of parents, and its config is made
 * from the layers' json.
 */
#ifndef VMBUILD_DOCKER_CHAIN_H
#define VMBUILD_DOCKER_CHAIN_H

#include <stdbool.h>

#include "host/format/image_files.h"
#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/lib/error.h"

/* Returns whether FILES may be such an archive: whether there is a `repositories`, which newer
 * archives have beside their manifest.json. */
bool docker_chain_is(const struct image_files *files);

/* Reads the image that REQUEST asks for. Errors: EXIT_INPUT, EXIT_DISK_FULL. *RET is the
 * caller's. */
[[nodiscard]] struct error *docker_chain_read(const struct image_files *files,
                                              const struct image_request *request,
                                              struct image **ret);

#endif
