#include "host/spec/spec_graph_overrides.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/spec/spec_document.h"
#include "host/spec/spec_key.h"

/* Returns what OVERRIDE sets of the node NUMBER: a key's name; or NULL. */
static const char *key_for(const struct spec_graph *graph, const struct spec_override *override,
                           size_t number)
{
    const struct spec_node *own = graph->nodes[number];
    const char *dot = strrchr(override->key, '.');

    if (strcmp(override->option, "set") != 0)
        return override->key;
    if (dot == NULL)
        return own->is_own && !graph->has_images ? override->key : NULL;
    return spec_node_is_called(own, override->key, (size_t)(dot - override->key)) ? dot + 1 : NULL;
}

struct error *spec_graph_overrides_apply(struct spec_graph_overrides *overrides,
                                         const struct spec_graph *graph, size_t number,
                                         struct json *root)
{
    for (size_t i = 0; i < overrides->count; i++) {
        struct spec_override own = overrides->items[i];
        CLEANUP(json_freep) struct json *values = NULL;

        own.key = key_for(graph, &own, number);
        if (own.key == NULL)
            continue;
        overrides->applied[i] = true;
        TRY(spec_overrides_read(&own, 1, &values));
        spec_document_override(root, values);
    }
    return NULL;
}

struct error *spec_graph_overrides_check(const struct spec_graph_overrides *overrides)
{
    for (size_t i = 0; i < overrides->count; i++) {
        struct spec_override own = overrides->items[i];
        CLEANUP(json_freep) struct json *values = NULL;
        const char *dot = strrchr(own.key, '.');

        if (dot != NULL && dot != own.key && spec_key_find(dot + 1) != NULL)
            own.key = dot + 1;
        TRY(spec_overrides_read(&own, 1, &values));
    }
    return NULL;
}

struct error *spec_graph_overrides_check_applied(const struct spec_graph_overrides *overrides,
                                                 const struct spec_graph *graph)
{
    for (size_t i = 0; i < overrides->count; i++) {
        const char *key = overrides->items[i].key;
        const char *dot = strrchr(key, '.');

        if (overrides->applied[i])
            continue;
        if (dot == NULL)
            return error_advise(error_new(EXIT_USAGE,
                                          "read option '--set': '%s': the spec has several images",
                                          key),
                                "name one of them, as in --set %.*s.%s=...",
                                (int)graph->nodes[0]->plain_length, graph->nodes[0]->name, key);
        CLEANUP(freep) char *name = xasprintf("%.*s", (int)(dot - key), key);

        return spec_graph_advise(
            error_new(EXIT_USAGE, "read option '--set': unknown image '%s'", name), graph, name);
    }
    return NULL;
}
