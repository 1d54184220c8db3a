/*
 * The graph of images that a spec file describes: each a node, and what it is made of. A spec of a
 * single image is a graph of one node.
 *
 *   {"images": {NAME: SPEC, ...}}   a file with several images, instead of a spec
 *   {"use": NAME}                   an image of the same file
 *   {"spec": FILE}                  the image of another file; with "use": one of several
 *   {...}                           a spec in place, without name and tag
 *
 * The last three are for `fromImage` and for `image` of an element of `contents`. A file is read
 * once, and each of its images is one node, however many others use it. A node is read where it is
 * first used, so that one which needs itself is found on the way. Everything is read and checked
 * before anything is built.
 */
#ifndef VMBUILD_SPEC_GRAPH_H
#define VMBUILD_SPEC_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"
#include "host/spec/spec_override.h"

#define SPEC_GRAPH_DEPTH_MAX 255 /* images on one another: more than layers in an image */

struct spec_node {
    /* As messages, --set and the command line have it: its name in the file, or that of the file
     * ("base.json", "base.json:NAME"), or where it stands ("app.fromImage", "app.contents"). */
    char *name;
    size_t plain_length; /* of the name without the platform */
    char *platform;      /* that it was read for; NULL: none */
    struct spec *spec;   /* NULL: it is of another file, and nothing needs it */
    size_t *needs;       /* the nodes that it is made of, each once */
    size_t need_count;
    bool is_own;    /* it is of the file itself */
    bool is_used;   /* by another one */
    bool is_chosen; /* to be written: spec_graph_choose */
    bool is_needed; /* to be built */
};

struct spec_graph {
    struct spec_node **nodes;
    size_t count;
    bool has_images; /* the file has `images` */
};

/* How a graph is read; all borrowed. Of OVERRIDES, `--set NAME.KEY` is for the node NAME,
 * `--set KEY` for the image of a file that has one, and the other options are for all nodes. With
 * PLATFORMS, each node is read for each of them, for those that do not state their `architecture`;
 * if there are several, "@PLATFORM" is added to its name. */
struct spec_graph_request {
    const struct spec_override *overrides;
    size_t override_count;
    const struct strings *platforms; /* as of platform_format; NULL: none */
    int64_t now;
    const char *source_date_epoch;
};

/* Reads the file PATH and all that it leads to, as spec_read does. *RET is the caller's. */
[[nodiscard]] struct error *spec_graph_read(const char *path,
                                            const struct spec_graph_request *request,
                                            struct spec_graph **ret);

/* The same for SPECS, one for each platform or one without them, which were made of a document that
 * messages call NAME, and each value of which has its line there. Sets them to NULL: they are taken
 * over. Relative paths are taken from the current directory. */
[[nodiscard]] struct error *spec_graph_read_converted(const char *name, struct json **specs,
                                                      const struct spec_graph_request *request,
                                                      struct spec_graph **ret);

/* Whether NODE is called NAME, of LENGTH bytes, with or without its platform. */
bool spec_node_is_called(const struct spec_node *node, const char *name, size_t length);

/* Chooses the nodes called NAMES, which may be of other files or in place, or, if there are none,
 * the file's own that no other uses. Errors: EXIT_USAGE for an unknown name, and for a node that
 * states another architecture than it was read for. */
[[nodiscard]] struct error *spec_graph_choose(struct spec_graph *graph,
                                              const struct strings *names);

/* Returns the numbers of the needed nodes, *RET_COUNT of them, each after those that it needs; the
 * caller's. */
size_t *spec_graph_order(const struct spec_graph *graph, size_t *ret_count);

/* Returns ERR, about the unknown image NAME, with advice on the one that was meant. */
[[nodiscard]] struct error *spec_graph_advise(struct error *err, const struct spec_graph *graph,
                                              const char *name);

void spec_graph_free(struct spec_graph *graph);
static inline void spec_graph_freep(struct spec_graph **graph)
{
    spec_graph_free(*graph);
}

#endif
