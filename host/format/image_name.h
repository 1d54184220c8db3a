/*
 * The names of images inside archives, and how one image is chosen by its name. "debian",
 * "library/debian" and "docker.io/library/debian" are the same name, as they are for Docker.
 */
#ifndef VMBUILD_IMAGE_NAME_H
#define VMBUILD_IMAGE_NAME_H

#include <stdbool.h>

#include "host/image/image_request.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"

/* Splits TEXT, "NAME[:TAG]"; a registry's port is part of the name. *RET_TAG is NULL if there is no
 * tag. Both are the caller's. */
void image_name_split(const char *text, char **ret_name, char **ret_tag);

/* Returns whether CHOICE asks for the image called NAME, TAG (each may be NULL). A CHOICE without a
 * name or without a tag accepts any. */
bool image_name_matches(const char *name, const char *tag, const struct image_choice *choice);

/* Returns the error for a CHOICE that is not in the archive or directory PATH. It lists NAMES,
 * which are sorted. */
[[nodiscard]] struct error *image_name_missing(const char *path, const struct image_choice *choice,
                                               struct strings *names);

/* Returns the error for a CHOICE that PATH has for PLATFORMS only, not for the one that CHOICE
 * requires. */
[[nodiscard]] struct error *image_name_wrong_platform(const char *path,
                                                      const struct image_choice *choice,
                                                      const struct strings *platforms);

#endif
