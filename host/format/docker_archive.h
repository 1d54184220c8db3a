/*
 * Docker's own archives, as `docker save` and its kin write them (moby, image/tarexport; the format
 * has no other specification). manifest.json lists the images, each with the names of its config
 * and of its layers, base first. Archives of 2016 and before have only `repositories`, from names
 * and tags to layer IDs, and for each layer ID/json, which names its parent, and ID/layer.tar.
 */
#ifndef VMBUILD_DOCKER_ARCHIVE_H
#define VMBUILD_DOCKER_ARCHIVE_H

#include <stdbool.h>

#include "host/format/image_files.h"
#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/store/store.h"

/* Whether BUNDLE has a manifest.json, or `repositories`. */
bool docker_archive_has_manifest(const struct image_files *files);
bool docker_archive_has_repositories(const struct image_files *files);

/* Reads the image of CHOICE by manifest.json. FORMS: enum layer_form bits. Errors: EXIT_INPUT,
 * EXIT_DISK_FULL. *RET is the caller's. */
[[nodiscard]] struct error *docker_archive_read(const struct image_files *files,
                                                const struct image_choice *choice,
                                                unsigned int forms, struct store *store,
                                                struct image **ret);

/* The same by `repositories` and the chain of parents. The config is made of the layers' json. */
[[nodiscard]] struct error *docker_archive_read_chain(const struct image_files *files,
                                                      const struct image_choice *choice,
                                                      unsigned int forms, struct store *store,
                                                      struct image **ret);

#endif
