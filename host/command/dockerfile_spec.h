/*
 * The specs that the Dockerfile of the command line becomes (dockerfile/conversion.h).
 */
#ifndef VMBUILD_DOCKERFILE_SPEC_H
#define VMBUILD_DOCKERFILE_SPEC_H

#include "host/command/options.h"
#include "host/lib/error.h"
#include "host/lib/json.h"

/* A zeroed one is empty. */
struct dockerfile_spec {
    char *name;          /* of the Dockerfile, for messages */
    struct json **specs; /* relative paths in them are taken from the current directory */
    size_t count;
    size_t warnings; /* that were shown */
};

/* Converts the Dockerfile of OPTIONS, once for each platform of theirs, by default for the host's,
 * and shows the warnings about it. *RET is the caller's, also on error. Errors: those of
 * conversion_make; EXIT_INPUT if it cannot be read, or has warnings that it makes errors of; those
 * of image_open for its base images. */
[[nodiscard]] struct error *dockerfile_spec_make(const struct options *options,
                                                 struct dockerfile_spec *ret);

void dockerfile_spec_free(struct dockerfile_spec *spec);

#endif
