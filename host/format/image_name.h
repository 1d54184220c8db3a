/*
 * The names that images have inside archives, and choosing one by them. "debian", "library/debian"
 * and "docker.io/library/debian" are one name, as Docker has it.
 */
#ifndef VMBUILD_IMAGE_NAME_H
#define VMBUILD_IMAGE_NAME_H

#include <stdbool.h>

#include "host/image/image_request.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"

/* Splits TEXT, "NAME[:TAG]"; a registry's port is part of the name. *RET_TAG is NULL where there is
 * none. Both are the caller's. */
void image_name_split(const char *text, char **ret_name, char **ret_tag);

/* Whether the image called NAME, TAG (or NULL) is the one that CHOICE asks for: a CHOICE without
 * name or without tag takes any. */
bool image_name_matches(const char *name, const char *tag, const struct image_choice *choice);

/* The error for a CHOICE that is not in the archive or folder PATH, which has NAMES. */
[[nodiscard]] struct error *image_name_missing(const char *path, const struct image_choice *choice,
                                               struct strings *names);

#endif
