/*
 * The base image of a build, and whether the build can stand on it.
 */
#ifndef VMBUILD_BUILD_BASE_H
#define VMBUILD_BUILD_BASE_H

#include <stdbool.h>

#include "host/build/build.h"
#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/lib/error.h"

/* Whether programs for ARCHITECTURE run in the guest. */
bool build_base_runs(const char *architecture);

/* Returns the request for an image that BUILD is made of, with its layers in FORMS (enum layer_form
 * bits). Borrows from BUILD. */
struct image_request build_base_request(const struct build *build, unsigned int forms);

/* Opens the base image of BUILD with its layers in FORMS. *RET is the caller's; it stays NULL if
 * the spec has no fromImage. Errors: those of built_image_open; EXIT_INPUT if it is for another
 * processor than its script needs, or is not the one below the layer that is resumed. */
[[nodiscard]] struct error *build_base_open(const struct build *build, unsigned int forms,
                                            struct image **ret);

#endif
