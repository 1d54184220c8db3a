/*
 * The build command for a spec of several images.
 */
#ifndef VMBUILD_BUILD_IMAGES_H
#define VMBUILD_BUILD_IMAGES_H

#include "host/command/options.h"
#include "host/lib/error.h"
#include "host/spec/spec_graph.h"

/* Builds the chosen images of GRAPH and what they need, or with --dry-run prints what it would do.
 */
[[nodiscard]] struct error *build_images(const struct options *options,
                                         const struct spec_graph *graph);

#endif
