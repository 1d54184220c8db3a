#include "host/command/graph_document.h"

#include "host/build/plan.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"

#define KEY_SHOWN 12 /* of a key's digits, in a picture */

/* What the VM of SPEC has, or null if none is needed. */
static struct json *describe_vm(const struct spec *spec)
{
    struct json *vm = json_object();
    struct plan plan;

    plan_make(spec, &plan);
    if (!plan.needs_vm) {
        json_free(vm);
        return json_null();
    }
    json_set(vm, "memory", json_integer((int64_t)spec->memory));
    json_set(vm, "cpus", json_integer((int64_t)spec->cpus));
    return vm;
}

static struct json *describe_node(const struct spec_graph *graph, const struct spec_node *node,
                                  const struct json *result)
{
    struct json *object = json_object();
    struct json *needs = json_array();

    for (size_t i = 0; i < node->need_count; i++)
        json_append(needs, json_string(graph->nodes[node->needs[i]]->name));
    json_set(object, "key", json_copy(json_get(result, "key")));
    json_set(object, "cached", json_copy(json_get(result, "cached")));
    json_set(object, "needs", needs);
    json_set(object, "written", json_boolean(node->is_chosen));
    json_set(object, "vm", describe_vm(node->spec));
    return object;
}

void graph_document_write_json(const struct spec_graph *graph, struct json *const *results,
                               struct buffer *out)
{
    CLEANUP(json_freep) struct json *document = json_object();
    struct json *images = json_object();
    size_t count = 0;
    CLEANUP(freep) size_t *order = spec_graph_order(graph, &count);

    for (size_t i = 0; i < count; i++)
        json_set(images, graph->nodes[order[i]]->name,
                 describe_node(graph, graph->nodes[order[i]], results[order[i]]));
    json_set(document, "images", images);
    json_write(document, true, out);
}

/* Appends TEXT as it may stand in a label between double quotes. */
static void write_label(const char *text, struct buffer *out)
{
    for (; *text != '\0'; text++)
        if (*text == '\n')
            buffer_printf(out, "\\n");
        else
            buffer_printf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
}

/* Appends the node NUMBER: filled if it is cached, with a double line if it is written. */
static void write_node(const struct spec_node *node, size_t number, const struct json *result,
                       struct buffer *out)
{
    const struct json *cached = json_get(result, "cached");
    const char *key = json_get_string(result, "key");

    buffer_printf(out, "    n%zu [label=\"", number);
    write_label(node->name, out);
    if (key != NULL)
        buffer_printf(out, "\\n%.*s", KEY_SHOWN, key);
    buffer_printf(out, "\"%s%s];\n",
                  cached->type == JSON_BOOLEAN && cached->boolean ? ", style=filled" : "",
                  node->is_chosen ? ", peripheries=2" : "");
    for (size_t i = 0; i < node->need_count; i++)
        buffer_printf(out, "    n%zu -> n%zu;\n", node->needs[i], number);
}

void graph_document_write_dot(const struct spec_graph *graph, struct json *const *results,
                              struct buffer *out)
{
    size_t count = 0;
    CLEANUP(freep) size_t *order = spec_graph_order(graph, &count);

    buffer_printf(out, "digraph images {\n    node [shape=box];\n");
    for (size_t i = 0; i < count; i++)
        write_node(graph->nodes[order[i]], order[i], results[order[i]], out);
    buffer_printf(out, "}\n");
}
