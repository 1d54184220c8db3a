/*
 * Reads Docker's archives, as `docker save` and others write them (moby, image/tarexport; the
 * format has no other specification). manifest.json lists the images, each with the names of its
 * config and of its layers, base first. Older archives without that file are read by
 * docker_chain.h.
 */
#ifndef VMBUILD_DOCKER_ARCHIVE_H
#define VMBUILD_DOCKER_ARCHIVE_H

#include <stdbool.h>

#include "host/format/image_files.h"
#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/lib/error.h"

/* Returns whether FILES are such an archive: whether there is a manifest.json. */
bool docker_archive_is(const struct image_files *files);

/* Returns whether the archive has the image that CHOICE asks for, but only for other platforms than
 * the one that CHOICE requires. */
bool docker_archive_lacks_platform(const struct image_files *files,
                                   const struct image_choice *choice);

/* Reads the image that REQUEST asks for. Errors: EXIT_INPUT, EXIT_DISK_FULL. *RET is the
 * caller's. */
[[nodiscard]] struct error *docker_archive_read(const struct image_files *files,
                                                const struct image_request *request,
                                                struct image **ret);

#endif
