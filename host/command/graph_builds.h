/*
 * The images of a graph as builds of their own: a command of vmbuild for each, which finds in a
 * cache what the image is made of. They are written for programs that run commands in the right
 * order (graph_makefile.h, graph_slurm.h). For several platforms one more build comes last, which
 * writes the index of the images.
 */
#ifndef VMBUILD_GRAPH_BUILDS_H
#define VMBUILD_GRAPH_BUILDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/command/options.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/spec/spec_graph.h"

struct graph_build {
    const char *name;     /* of its image, or of the images of its index; borrowed */
    char *id;             /* its own: letters, digits and "._-", but no '.' or '-' at the start */
    struct strings words; /* that follow "vmbuild" */
    size_t *needs;        /* the builds that come before it, by their number */
    size_t need_count;
    bool is_asked;   /* for what it writes, and not only by other builds */
    uint64_t memory; /* that it takes, in MiB */
    uint64_t cpus;
};

/* A zeroed one is empty. */
struct graph_builds {
    struct graph_build *items; /* of each node of the graph; one that is not needed has no id */
    size_t count;
    size_t *order; /* the numbers of the needed ones, each after those that it needs */
    size_t ordered;
    const char *epoch; /* SOURCE_DATE_EPOCH, which all of them need; or NULL; borrowed */
};

/* Makes the builds of GRAPH, which was read at the time NOW and outlives them, by OPTIONS. No build
 * has the id ID. *RET is the caller's also on error. Errors: EXIT_USAGE if OPTIONS cannot be those
 * of several builds; EXIT_INPUT if what a command needs cannot be written on one line. */
[[nodiscard]] struct error *graph_builds_make(const struct options *options,
                                              const struct spec_graph *graph, int64_t now,
                                              const char *id, struct graph_builds *ret);
void graph_builds_free(struct graph_builds *builds);

/* Appends the words of BUILD, each quoted for a shell and after a space. */
void graph_builds_write(const struct graph_build *build, struct buffer *out);

#endif
