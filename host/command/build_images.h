/*
 * The build command for a spec of several images.
 */
#ifndef VMBUILD_BUILD_IMAGES_H
#define VMBUILD_BUILD_IMAGES_H

#include "host/command/cache_options.h"
#include "host/command/options.h"
#include "host/lib/error.h"
#include "host/spec/spec_graph.h"

/* Builds the chosen images of GRAPH and what they need, with the shared CACHES, or with --dry-run
 * prints what it would do. */
[[nodiscard]] struct error *build_images(const struct options *options,
                                         const struct spec_graph *graph,
                                         const struct cache_options *caches);

#endif
