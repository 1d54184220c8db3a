/*
 * Building the images of a graph (spec/spec_graph.h): each once, after those that it is made of,
 * and several at a time. Each is a task (lib/task.h), since a build confines its process for good.
 * What one has made, others find in the store (built_image.h).
 *
 * When one fails, no other is started, those that run are ended, and nothing of them is left but
 * what the cache had of them.
 */
#ifndef VMBUILD_GRAPH_RUN_H
#define VMBUILD_GRAPH_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"
#include "host/spec/spec_graph.h"
#include "host/store/store.h"

/* What is built and how. */
struct graph_run {
    const struct spec_graph *graph; /* of which the needed nodes are built */
    struct store *store;
    size_t jobs; /* at a time, from 1 */

    /* Builds NODE, in a process of its own; BUILT has the names in the store of the images that it
     * needs. Sets *RET to what it has made (build_result.h). */
    struct error *(*build)(void *context, size_t node, const struct digest *built,
                           struct json **ret);
    void *context;

    struct json **results; /* of each node: what it has made, the caller's; NULL before */
};

/* Returns the bytes of memory that a build of SPEC takes, that of its VM included. */
uint64_t graph_run_memory(const struct spec *spec);

/* Returns how many of GRAPH's images are built at a time by default: as many as there are
 * processors, but no more than the host's free memory carries. */
size_t graph_run_jobs(const struct spec_graph *graph);

/* Builds. Errors: that of the image that failed first, with its name. */
[[nodiscard]] struct error *graph_run(const struct graph_run *run);

#endif
