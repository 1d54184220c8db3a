/*
 * Building the images of a graph (spec/spec_graph.h): each once, after those that it is made of,
 * and several at a time. Each is a task (lib/task.h), since a build confines its process for good.
 * What one has made, others find in the store (built_image.h).
 *
 * Images of which each is made of the one before it alone are one task, as far as they can have one
 * VM (held_vm.h).
 *
 * When one fails, no other is started, those that run are ended, and nothing of them is left but
 * what the cache had of them.
 */
#ifndef VMBUILD_GRAPH_RUN_H
#define VMBUILD_GRAPH_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/build/held_vm.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"
#include "host/spec/spec_graph.h"
#include "host/store/store.h"

/* The build of a node, for which all that it needs was built. */
struct graph_node_build {
    size_t node;
    const struct digest *built; /* the names in the store of what was built, by node */
    struct held_vm *held; /* what the builds of this process share; NULL: it is the only one */
    size_t last;          /* the node of the last of them */
};

/* What is built and how. */
struct graph_run {
    const struct spec_graph *graph; /* of which the needed nodes are built */
    struct store *store;
    size_t jobs;   /* at a time, from 1 */
    bool is_apart; /* each in a process of its own */

    /* Carries BUILD out. Sets *RET to what it has made (build_result.h). */
    struct error *(*build)(void *context, const struct graph_node_build *build, struct json **ret);
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
