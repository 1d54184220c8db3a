/*
 * What the command line sets of the images of a graph: `--set NAME.KEY=VALUE` and the options of
 * spec_override.h.
 */
#ifndef VMBUILD_SPEC_GRAPH_OVERRIDES_H
#define VMBUILD_SPEC_GRAPH_OVERRIDES_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec_graph.h"
#include "host/spec/spec_override.h"

struct spec_graph_overrides {
    const struct spec_override *items; /* borrowed */
    size_t count;
    bool *applied; /* each item, to an image of the graph; COUNT of them, the caller's */
};

/* Refuses an override that is wrong whatever the spec has. Errors: EXIT_USAGE. */
[[nodiscard]] struct error *
spec_graph_overrides_check(const struct spec_graph_overrides *overrides);

/* Sets what OVERRIDES have for the node NUMBER of GRAPH in ROOT, its spec. Errors: EXIT_USAGE. */
[[nodiscard]] struct error *spec_graph_overrides_apply(struct spec_graph_overrides *overrides,
                                                       const struct spec_graph *graph,
                                                       size_t number, struct json *root);

/* Refuses an override that was not applied: it names no image of GRAPH. Errors: EXIT_USAGE. */
[[nodiscard]] struct error *
spec_graph_overrides_check_applied(const struct spec_graph_overrides *overrides,
                                   const struct spec_graph *graph);

#endif
