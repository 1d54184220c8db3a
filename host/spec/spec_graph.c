#include "host/spec/spec_graph.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"

struct error *spec_graph_advise(struct error *err, const struct spec_graph *graph, const char *name)
{
    CLEANUP(freep) const char **names = xcalloc(graph->count + 1, sizeof *names);

    for (size_t i = 0; i < graph->count; i++)
        names[i] = graph->nodes[i]->name;
    const char *nearest = nearest_word(name, names, sizeof *names, graph->count);

    return nearest != NULL ? error_advise(err, "did you mean '%s'?", nearest) : err;
}

bool spec_node_is_called(const struct spec_node *node, const char *name, size_t length)
{
    return (length == node->plain_length || length == strlen(node->name)) &&
           strncmp(node->name, name, length) == 0;
}

static struct error *choose(struct spec_graph *graph, const char *name)
{
    bool is_found = false;

    for (size_t i = 0; i < graph->count; i++) {
        struct spec_node *node = graph->nodes[i];

        if (node->spec == NULL || !spec_node_is_called(node, name, strlen(name)))
            continue;
        node->is_chosen = is_found = true;
    }
    if (is_found)
        return NULL;
    return spec_graph_advise(
        error_new(EXIT_USAGE, "read the command line: the spec has no image '%s'", name), graph,
        name);
}

/* Refuses a chosen NODE that is not for the platform that it was read for. */
static struct error *check_platform(const struct spec_node *node)
{
    const char *own = node->spec != NULL ? node->spec->architecture.name : NULL;

    if (!node->is_chosen || node->platform == NULL || own == NULL ||
        strcmp(own, node->platform) == 0)
        return NULL;
    return error_advise(error_new(EXIT_USAGE,
                                  "read option '--platform': the spec says that image '%.*s' is "
                                  "for '%s'",
                                  (int)node->plain_length, node->name, own),
                        "remove \"architecture\" from the spec");
}

/* Marks NODE and all that it needs, which was read before it, so that this comes to an end. */
static void need(struct spec_graph *graph, size_t node)
{
    if (graph->nodes[node]->is_needed)
        return;
    graph->nodes[node]->is_needed = true;
    for (size_t i = 0; i < graph->nodes[node]->need_count; i++)
        need(graph, graph->nodes[node]->needs[i]);
}

struct error *spec_graph_choose(struct spec_graph *graph, const struct strings *names)
{
    for (size_t i = 0; i < names->count; i++)
        TRY(choose(graph, names->items[i]));
    for (size_t i = 0; i < graph->count; i++) {
        struct spec_node *node = graph->nodes[i];

        if (names->count == 0)
            node->is_chosen = node->is_own && !node->is_used;
        TRY(check_platform(node));
        if (node->is_chosen)
            need(graph, i);
    }
    return NULL;
}

/* Nodes in order. */
struct order {
    const struct spec_graph *graph;
    size_t *nodes;
    size_t count;
    bool *is_there; /* each node */
};

/* Appends NODE after all that it needs. */
static void append_node(struct order *order, size_t node)
{
    const struct spec_node *own = order->graph->nodes[node];

    if (order->is_there[node])
        return;
    order->is_there[node] = true;
    for (size_t i = 0; i < own->need_count; i++)
        append_node(order, own->needs[i]);
    order->nodes[order->count++] = node;
}

size_t *spec_graph_order(const struct spec_graph *graph, size_t *ret_count)
{
    CLEANUP(freep) bool *is_there = xcalloc(graph->count + 1, sizeof *is_there);
    struct order order = {.graph = graph,
                          .nodes = xcalloc(graph->count + 1, sizeof *order.nodes),
                          .is_there = is_there};

    for (size_t i = 0; i < graph->count; i++)
        if (graph->nodes[i]->is_needed)
            append_node(&order, i);
    *ret_count = order.count;
    return order.nodes;
}

void spec_graph_free(struct spec_graph *graph)
{
    if (graph == NULL)
        return;
    for (size_t i = 0; i < graph->count; i++) {
        free(graph->nodes[i]->name);
        free(graph->nodes[i]->platform);
        spec_free(graph->nodes[i]->spec);
        free(graph->nodes[i]->needs);
        free(graph->nodes[i]);
    }
    free(graph->nodes);
    free(graph);
}
