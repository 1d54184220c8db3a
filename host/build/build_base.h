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
#include "host/machine/machine_type.h"

/* Returns the request for an image that BUILD is made of, with its layers in FORMS (enum layer_form
 * bits). Borrows from BUILD. */
struct image_request build_base_request(const struct build *build, unsigned int forms);

/* Opens the base image of BUILD with its layers in FORMS. *RET is the caller's; it stays NULL if
 * the spec has no fromImage. Errors: those of built_image_open; EXIT_INPUT if it is not the one
 * below the layer that is resumed. */
[[nodiscard]] struct error *build_base_open(const struct build *build, unsigned int forms,
                                            struct image **ret);

/* Sets *RET to the machine of BUILD on BASE (NULL: none): one for the image's architecture if its
 * programs are to run or the spec names the architecture, else this host's own. Static. Errors:
 * EXIT_INPUT: no guest runs such programs. */
[[nodiscard]] struct error *build_base_machine(const struct build *build, const struct image *base,
                                               const struct machine_type **ret);

#endif
