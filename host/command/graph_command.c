#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "host/build/build.h"
#include "host/build/graph_run.h"
#include "host/command/build_targets.h"
#include "host/command/cache_options.h"
#include "host/command/commands.h"
#include "host/command/graph_builds.h"
#include "host/command/graph_document.h"
#include "host/command/graph_makefile.h"
#include "host/command/graph_slurm.h"
#include "host/command/options.h"
#include "host/command/spec_options.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/spec/spec_graph.h"
#include "host/store/store_pruning.h"

/* What the images are looked for with. */
struct search {
    const struct options *options;
    const struct spec_graph *graph;
    struct cache_options caches;
    struct build_targets targets; /* which nobody writes */
    struct store *store;
    struct json **results; /* of each node */
};

static void free_search(struct search *search)
{
    for (size_t i = 0; search->results != NULL && i < search->graph->count; i++)
        json_free(search->results[i]);
    free(search->results);
    cache_options_free(&search->caches);
    build_targets_free(&search->targets);
    store_free(search->store);
}

/* Whether all that NODE needs was found; otherwise its key cannot be known. */
static bool has_needs(const struct spec_node *node, const struct digest *built)
{
    for (size_t i = 0; i < node->need_count; i++)
        if (*built[node->needs[i]].hex == '\0')
            return false;
    return true;
}

/* struct graph_run: looks for a node. */
static struct error *look_for_node(void *context, const struct graph_node_build *build_of_node,
                                   struct json **ret)
{
    const size_t node = build_of_node->node;
    const struct digest *built = build_of_node->built;
    const struct search *search = context;
    const struct options *options = search->options;
    CLEANUP(shared_cache_freep) struct shared_cache *shared = NULL;

    if (!has_needs(search->graph->nodes[node], built)) {
        *ret = json_object();
        json_set(*ret, "key", json_null());
        json_set(*ret, "cached", json_null());
        return NULL;
    }
    TRY(cache_options_start(&search->caches, search->store, &shared));
    const struct build build = {.spec = search->graph->nodes[node]->spec,
                                .outputs = search->targets.outputs,
                                .output_count = search->targets.count,
                                .trace = options->trace,
                                .max_age = options->max_age_seconds,
                                .shared = shared,
                                .store = search->store,
                                .registry = options_registry(options),
                                .built = built,
                                .is_look = true,
                                .ret_result = ret};

    return build_run(&build);
}

/* Looks for all needed images. */
static struct error *look_for_all(struct search *search)
{
    const struct options *options = search->options;
    const struct graph_run run = {.graph = search->graph,
                                  .store = search->store,
                                  .jobs = 1,
                                  .is_apart = true,
                                  .build = look_for_node,
                                  .context = search,
                                  .results = search->results};

    TRY(build_targets_read(options, "image", &search->targets));
    TRY(cache_options_read(options, search->graph, &search->caches));
    TRY(spec_options_apply_all(options, search->graph));
    return graph_run(&run);
}

/* Appends the document with what is known of the images of GRAPH. */
static struct error *write_document(const struct options *options, const struct spec_graph *graph,
                                    struct buffer *out)
{
    CLEANUP(free_search) struct search search = {.options = options, .graph = graph};

    search.results = xcalloc(graph->count, sizeof *search.results);
    TRY(store_open(options->cache_dir, false, &search.store));
    TRY(look_for_all(&search));
    store_trim(search.store);
    if (options->graph_format == GRAPH_DOT)
        graph_document_write_dot(graph, search.results, out);
    else
        graph_document_write_json(graph, search.results, out);
    return NULL;
}

/* Appends what builds the images of GRAPH, which was read at the time NOW. */
static struct error *write_builds(const struct options *options, const struct spec_graph *graph,
                                  int64_t now, struct buffer *out)
{
    CLEANUP(graph_builds_free) struct graph_builds builds = {0};
    CLEANUP(cache_options_free) struct cache_options caches = {0};

    TRY(cache_options_read(options, graph, &caches));
    if (options->graph_format == GRAPH_SLURM && (caches.from.count == 0 || caches.to.count == 0))
        return error_advise(error_new(EXIT_USAGE, "read option '--format': for Slurm, --cache-from "
                                                  "and --cache-to are needed"),
                            "with them, jobs on one machine find what those on another have built");
    TRY(graph_builds_make(options, graph, now, GRAPH_MAKEFILE_ALL, &builds));
    if (options->graph_format == GRAPH_SLURM)
        graph_slurm_write(&builds, out);
    else
        graph_makefile_write(&builds, out);
    return NULL;
}

struct error *graph_command(const struct options *options)
{
    CLEANUP(spec_graph_freep) struct spec_graph *graph = NULL;
    CLEANUP(buffer_free) struct buffer text = {0};
    int64_t now = time(NULL);
    bool is_document = options->graph_format == GRAPH_JSON || options->graph_format == GRAPH_DOT;

    const struct spec_graph_request request = {.overrides = options->overrides,
                                               .override_count = options->override_count,
                                               .platforms = &options->platforms,
                                               .now = now,
                                               .source_date_epoch = getenv("SOURCE_DATE_EPOCH")};

    TRY(spec_graph_read(options->spec, &request, &graph));
    TRY(spec_graph_choose(graph, &options->arguments));
    TRY(is_document ? write_document(options, graph, &text)
                    : write_builds(options, graph, now, &text));
    return file_write(text.data, text.length, STDOUT_FILENO, "standard output");
}
