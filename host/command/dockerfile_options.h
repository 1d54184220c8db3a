/*
 * The options about Dockerfiles, as far as they depend on one another.
 */
#ifndef VMBUILD_DOCKERFILE_OPTIONS_H
#define VMBUILD_DOCKERFILE_OPTIONS_H

#include "host/command/options.h"
#include "host/lib/error.h"

/* Refuses options of OPTIONS that are not for a Dockerfile, or for nothing else. Errors:
 * EXIT_USAGE. */
[[nodiscard]] struct error *dockerfile_options_check(const struct options *options);

#endif
