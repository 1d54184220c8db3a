/* The options that are laid over a spec once it is read: --secret and --env. */
#ifndef VMBUILD_SPEC_OPTIONS_H
#define VMBUILD_SPEC_OPTIONS_H

#include "host/command/options.h"
#include "host/lib/error.h"
#include "host/lib/secret.h"
#include "host/spec/spec.h"
#include "host/spec/spec_graph.h"

/* Gives SPEC what OPTIONS add to it, but for secrets among MOUNTED, or NULL, that it does not name.
 * Errors: EXIT_USAGE; EXIT_INPUT if a variable is not set. */
[[nodiscard]] struct error *spec_options_apply(const struct options *options,
                                               const struct strings *mounted, struct spec *spec);

/* The same for each image of GRAPH that is needed. A secret that one of them mounts is not given to
 * the others. */
[[nodiscard]] struct error *spec_options_apply_all(const struct options *options,
                                                   const struct spec_graph *graph);

#endif
