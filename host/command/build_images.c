#include "host/command/build_images.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/build/graph_run.h"
#include "host/build/plan.h"
#include "host/build/reproducibility.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/secret.h"
#include "host/spec/spec_secret.h"
#include "host/store/store_pruning.h"

/* What the nodes are built with. */
struct images {
    const struct options *options;
    const struct spec_graph *graph;
    const struct cache_options *caches;
    struct store *store;
    struct strings outputs;  /* the path of each node, "-" if it is not written */
    struct secrets *secrets; /* of each node */
};

/* Returns NODE's plan and what it needs; the caller's. */
static struct json *describe_node(const struct spec_graph *graph, const struct spec_node *node)
{
    struct json *needs = json_array();
    struct plan plan;

    plan_make(node->spec, &plan);
    struct json *description = plan_describe(&plan, node->spec);

    for (size_t i = 0; i < node->need_count; i++)
        json_append(needs, json_string(graph->nodes[node->needs[i]]->name));
    json_set(description, "needs", needs);
    json_set(description, "written", json_boolean(node->is_chosen));
    return description;
}

static struct error *show_plans(const struct spec_graph *graph)
{
    CLEANUP(json_freep) struct json *document = json_object();
    CLEANUP(buffer_free) struct buffer text = {0};
    struct json *images = json_object();

    for (size_t i = 0; i < graph->count; i++)
        if (graph->nodes[i]->is_needed)
            json_set(images, graph->nodes[i]->name, describe_node(graph, graph->nodes[i]));
    json_set(document, "images", images);
    json_write(document, true, &text);
    return file_write(text.data, text.length, STDOUT_FILENO, "standard output");
}

/* Refuses options that are about one build. */
static struct error *check_options(const struct options *options)
{
    static const char advice[] = "build the image alone, with its base in a file";

    if (options->log != NULL)
        return error_advise(
            error_new(EXIT_USAGE, "read option '--log': the spec has several images"), "%s",
            advice);
    if (options->keep != NULL || options->shell_on_failure || options->self_contained)
        return error_advise(error_new(EXIT_USAGE, "read option '--on-failure': the spec has "
                                                  "several images"),
                            "%s", advice);
    return NULL;
}

/* Finds where each image is written. */
static struct error *find_outputs(struct images *images)
{
    const struct options *options = images->options;
    size_t chosen = 0;

    for (size_t i = 0; i < images->graph->count; i++) {
        const struct spec_node *node = images->graph->nodes[i];
        CLEANUP(freep)
        char *path =
            node->is_chosen ? options_output_path(options, node->spec->name) : xstrdup("-");

        chosen += node->is_chosen;
        if (chosen > 1 && options->output != NULL)
            return error_advise(error_new(EXIT_USAGE, "read option '--output': there are several "
                                                      "images, and it names one file"),
                                "leave it out, or name one of the images");
        if (node->is_chosen && strings_contain(&images->outputs, path))
            return error_new(EXIT_USAGE, "write '%s': several images would be written there", path);
        strings_take(&images->outputs, STEAL(path));
    }
    return NULL;
}

/* Whether another image that is built is made of NODE. */
static bool is_needed_by_others(const struct spec_graph *graph, size_t node)
{
    for (size_t i = 0; i < graph->count; i++)
        for (size_t j = 0; graph->nodes[i]->is_needed && j < graph->nodes[i]->need_count; j++)
            if (graph->nodes[i]->needs[j] == node)
                return true;
    return false;
}

/* struct graph_run: builds a node. */
static struct error *build_node(void *context, size_t node, const struct digest *built,
                                struct digest *ret)
{
    const struct images *images = context;
    const struct options *options = images->options;
    const struct spec_node *own = images->graph->nodes[node];
    CLEANUP(shared_cache_freep) struct shared_cache *shared = NULL;
    bool is_again = own->is_chosen || options->rebuild == BUILD_REBUILD_ALL;

    TRY(cache_options_start(images->caches, images->store, &shared));
    const struct build build = {
        .spec = own->spec,
        .secrets = &images->secrets[node],
        .output = {.format = options->format,
                   .compression = options->compression,
                   .path = images->outputs.items[node]},
        .accelerator = options->accelerator,
        .grants = &options->allow_network,
        .verbose = options->verbosity > 0,
        .trace = options->trace,
        .rebuild = is_again ? options->rebuild : BUILD_REBUILD_NOTHING,
        .max_age = options->max_age_seconds,
        .shared = shared,
        .store = images->store,
        .registry = options_registry(options),
        .built = built,
        .kept = is_needed_by_others(images->graph, node) ? ret : NULL,
        .is_kept_only = !own->is_chosen,
    };

    return options->check && own->is_chosen ? reproducibility_check(&build) : build_run(&build);
}

/* Shows what was written, each by itself. */
static void show_written(const struct images *images)
{
    for (size_t i = 0; i < images->graph->count; i++) {
        const struct spec_node *node = images->graph->nodes[i];
        const char *path = images->outputs.items[i];
        CLEANUP(json_freep) struct json *result = json_object();

        json_set(result, "image", json_string(node->name));
        json_set(result, "output", json_string(path));
        if (node->is_chosen)
            progress_result(strcmp(path, "-") != 0 ? path : NULL, result);
    }
}

/* Reads the secrets of all that is built, before anything is. */
static struct error *load_secrets(struct images *images)
{
    static const struct spec_secrets none;
    size_t count = images->graph->count;
    CLEANUP(freep) const struct spec_secrets **lists = xcalloc(count, sizeof(const void *));

    images->secrets = xcalloc(count, sizeof *images->secrets);
    for (size_t i = 0; i < count; i++) {
        const struct spec_node *node = images->graph->nodes[i];

        lists[i] = node->is_needed ? &node->spec->secrets : &none;
    }
    return spec_secrets_load_all(lists, count, images->secrets);
}

static void free_images(struct images *images)
{
    for (size_t i = 0; images->secrets != NULL && i < images->graph->count; i++)
        secrets_free(&images->secrets[i]);
    free(images->secrets);
    strings_free(&images->outputs);
    store_free(images->store);
}

struct error *build_images(const struct options *options, const struct spec_graph *graph,
                           const struct cache_options *caches)
{
    CLEANUP(free_images)
    struct images images = {.options = options, .graph = graph, .caches = caches};

    if (options->dry_run)
        return show_plans(graph);
    TRY(check_options(options));
    TRY(find_outputs(&images));
    TRY(load_secrets(&images));
    TRY(store_open(options->cache_dir, options->no_cache, &images.store));
    const struct graph_run run = {.graph = graph,
                                  .store = images.store,
                                  .jobs = options->job_count > 0 ? options->job_count
                                                                 : graph_run_jobs(graph),
                                  .build = build_node,
                                  .context = &images};

    TRY(graph_run(&run));
    store_trim(images.store);
    show_written(&images);
    return NULL;
}
