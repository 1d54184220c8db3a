#include "host/command/build_images.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/build/graph_run.h"
#include "host/build/plan.h"
#include "host/build/reproducibility.h"
#include "host/command/build_index.h"
#include "host/command/build_report.h"
#include "host/command/build_targets.h"
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
    struct build_targets *targets;       /* of each node; empty: it is not written */
    struct build_targets index;          /* of --index: it is written in place of them; with
                                            --no-output, it is not either */
    const struct build_targets *formats; /* those that are written, which decide the formats */
    struct secrets *secrets;             /* of each node */
    struct json **results;               /* of each node (build_result.h) */
};

/* Returns NODE's plan and what it needs; the caller's. */
static struct json *describe_node(const struct options *options, const struct spec_graph *graph,
                                  const struct spec_node *node)
{
    struct json *needs = json_array();
    struct plan plan;

    plan_make(node->spec, &plan);
    struct json *description = plan_describe(&plan, node->spec);

    for (size_t i = 0; i < node->need_count; i++)
        json_append(needs, json_string(graph->nodes[node->needs[i]]->name));
    json_set(description, "needs", needs);
    json_set(description, "written", json_boolean(node->is_chosen && !options->no_output));
    return description;
}

static struct error *show_plans(const struct options *options, const struct spec_graph *graph)
{
    CLEANUP(json_freep) struct json *document = json_object();
    CLEANUP(buffer_free) struct buffer text = {0};
    struct json *images = json_object();

    for (size_t i = 0; i < graph->count; i++)
        if (graph->nodes[i]->is_needed)
            json_set(images, graph->nodes[i]->name, describe_node(options, graph, graph->nodes[i]));
    json_set(document, "images", images);
    json_write(document, true, &text);
    return file_write(text.data, text.length, STDOUT_FILENO, "standard output");
}

/* Refuses options that are about one build. */
static struct error *check_options(const struct options *options)
{
    static const char advice[] = "build the image alone, with its base in a file";

    if (options->no_output && (options->index || options->check || options->outputs.count > 0))
        return error_new(EXIT_USAGE, "read option '--no-output': with --output, --index or "
                                     "--check, there is one");
    if (options->index && options->check)
        return error_new(EXIT_USAGE, "read option '--index': with --check, there is none");
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

/* Refuses an output of NODE that is another one's, too. */
static struct error *check_targets(const struct images *images, size_t node)
{
    const char *path = images->targets[node].outputs[0].path;

    for (size_t i = 0; i < node; i++)
        if (build_targets_have(&images->targets[i], path))
            return error_new(EXIT_USAGE, "write '%s': several images would be written there", path);
    return NULL;
}

/* Finds where the images are written, each by itself. */
static struct error *find_each_target(struct images *images)
{
    const struct options *options = images->options;
    const struct spec_graph *graph = images->graph;

    for (size_t i = 0; i < graph->count; i++) {
        if (!graph->nodes[i]->is_chosen)
            continue;
        if (images->formats != NULL && options->outputs.count > 0)
            return error_advise(error_new(EXIT_USAGE, "read option '--output': there are several "
                                                      "images, and it names one file"),
                                "leave it out, name one of the images, or make an index of them "
                                "with --index");
        TRY(build_targets_read(options, graph->nodes[i]->spec->name, &images->targets[i]));
        TRY(build_report_check(options->metadata, &images->targets[i]));
        TRY(check_targets(images, i));
        if (images->formats == NULL)
            images->formats = &images->targets[i];
    }
    return NULL;
}

/* Writes nothing. The layers are of the forms that the default output would want. */
static struct error *find_no_target(struct images *images)
{
    images->formats = &images->index;
    TRY(build_report_check(images->options->metadata, &images->targets[0]));
    return build_targets_read(images->options, "image", &images->index);
}

/* Finds where what is built is written. */
static struct error *find_targets(struct images *images)
{
    const struct options *options = images->options;

    images->targets = xcalloc(images->graph->count, sizeof *images->targets);
    if (options->no_output)
        return find_no_target(images);
    if (!options->index)
        return find_each_target(images);
    if (options->outputs.count == 0)
        return error_new(EXIT_USAGE, "read option '--index': it needs --output");
    TRY(build_targets_read(options, NULL, &images->index));
    TRY(build_report_check(options->metadata, &images->index));
    images->formats = &images->index;
    return build_index_check(&images->index);
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

/* Returns the build of NODE. */
static struct build describe_build(const struct images *images, size_t node)
{
    const struct options *options = images->options;
    const struct spec_node *own = images->graph->nodes[node];
    bool is_again = own->is_chosen || options->rebuild == BUILD_REBUILD_ALL;
    bool is_written = own->is_chosen && !options->index && !options->no_output;
    const struct build_targets *targets = is_written ? &images->targets[node] : images->formats;
    bool is_remote = build_targets_are_remote(targets);
    struct build build = {
        .spec = own->spec,
        .secrets = &images->secrets[node],
        .outputs = targets->outputs,
        .output_count = targets->count,
        .accelerator = options->accelerator,
        .grants = &options->allow_network,
        .verbose = options->verbosity > 0,
        .trace = options->trace,
        .rebuild = is_again ? options->rebuild : BUILD_REBUILD_NOTHING,
        .max_age = options->max_age_seconds,
        .store = images->store,
        .registry = options_registry(options),
        .is_kept = !is_written || is_remote || is_needed_by_others(images->graph, node),
        .is_kept_only = !is_written,
    };

    if (is_remote)
        build.registry.user = NULL; /* --creds is for the targets */
    return build;
}

/* Completes HELD, what the builds of this process share, before the first of them. */
static struct error *complete(const struct images *images, size_t last, struct held_vm *held)
{
    held->last = xcalloc(1, sizeof *held->last);
    *held->last = describe_build(images, last);
    return cache_options_start(images->caches, images->store, &held->shared);
}

/* struct graph_run: builds a node. */
static struct error *build_node(void *context, const struct graph_node_build *node,
                                struct json **ret)
{
    const struct images *images = context;
    const struct options *options = images->options;
    struct build build = describe_build(images, node->node);
    struct held_vm *held = node->held;
    CLEANUP(shared_cache_freep) struct shared_cache *shared = NULL;

    if (held == NULL)
        TRY(cache_options_start(images->caches, images->store, &shared));
    else if (held->position == 0)
        TRY(complete(images, node->last, held));
    build.shared = held != NULL ? held->shared : shared;
    build.held = held;
    build.built = node->built;
    build.ret_result = ret;
    return options->check && images->graph->nodes[node->node]->is_chosen
               ? reproducibility_check(&build)
               : build_run(&build);
}

/* Returns what --metadata-file has of each image, by name, the caller's. */
static struct json *describe_images(const struct images *images)
{
    struct json *metadata = json_object();

    for (size_t i = 0; i < images->graph->count; i++)
        if (images->graph->nodes[i]->is_needed)
            json_set(metadata, images->graph->nodes[i]->name,
                     build_report_metadata(&images->targets[i], images->results[i]));
    return metadata;
}

static struct error *write_metadata(const struct images *images, struct json *metadata)
{
    const char *path = images->options->metadata;
    struct error *err = path != NULL ? build_report_write(path, metadata) : NULL;

    json_free(metadata);
    return err;
}

/* Pushes and shows what was built. */
static struct error *finish_each(const struct images *images)
{
    const struct spec_graph *graph = images->graph;

    for (size_t i = 0; i < graph->count; i++)
        TRY(build_targets_push(&images->targets[i], images->options, images->store,
                               images->results[i]));
    for (size_t i = 0; i < graph->count; i++)
        if (graph->nodes[i]->is_chosen)
            build_report_show(&images->targets[i], graph->nodes[i]->name, images->results[i]);
    return write_metadata(images, describe_images(images));
}

/* The same for an index of it. */
static struct error *finish_index(const struct images *images)
{
    const struct spec_graph *graph = images->graph;
    CLEANUP(freep) struct json **chosen = xcalloc(graph->count, sizeof *chosen);
    struct build_index index = {.options = images->options,
                                .targets = &images->index,
                                .store = images->store,
                                .results = chosen};
    CLEANUP(json_freep) struct json *result = NULL;

    for (size_t i = 0; i < graph->count; i++)
        if (graph->nodes[i]->is_chosen)
            chosen[index.count++] = images->results[i];
    TRY(build_index_write(&index, &result));
    build_report_show(&images->index, NULL, result);
    struct json *metadata = describe_images(images);

    build_report_add_index(&images->index, result, metadata);
    return write_metadata(images, metadata);
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
    size_t count = images->graph->count;

    for (size_t i = 0; images->secrets != NULL && i < count; i++)
        secrets_free(&images->secrets[i]);
    for (size_t i = 0; images->targets != NULL && i < count; i++)
        build_targets_free(&images->targets[i]);
    build_targets_free(&images->index);
    for (size_t i = 0; images->results != NULL && i < count; i++)
        json_free(images->results[i]);
    free(images->secrets);
    free(images->targets);
    free(images->results);
    store_free(images->store);
}

struct error *build_images(const struct options *options, const struct spec_graph *graph,
                           const struct cache_options *caches)
{
    CLEANUP(free_images)
    struct images images = {.options = options, .graph = graph, .caches = caches};

    if (options->dry_run)
        return show_plans(options, graph);
    TRY(check_options(options));
    TRY(find_targets(&images));
    TRY(load_secrets(&images));
    TRY(store_open(options->cache_dir, options->no_cache, &images.store));
    images.results = xcalloc(graph->count, sizeof(struct json *));
    const struct graph_run run = {.graph = graph,
                                  .store = images.store,
                                  .results = images.results,
                                  .jobs = options->job_count > 0 ? options->job_count
                                                                 : graph_run_jobs(graph),
                                  .is_apart = options->check,
                                  .build = build_node,
                                  .context = &images};

    TRY(graph_run(&run));
    TRY(options->index ? finish_index(&images) : finish_each(&images));
    store_trim(images.store);
    return NULL;
}
