#include "host/build/graph_run.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "host/build/plan.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/task.h"
#include "host/machine/host_memory.h"
#include "host/store/store_session.h"

#define BUILD_OVERHEAD (UINT64_C(160) << 20) /* bytes that it takes beside the guest's memory */

enum state { NODE_WAITS, NODE_RUNS, NODE_DONE };

/* A run in progress. */
struct progress_of_run {
    const struct graph_run *run;
    enum state *states;
    struct task *tasks; /* of each node */
    struct digest *built;
    size_t running;
};

/* What a task is started with. */
struct order {
    const struct progress_of_run *progress;
    size_t node;
};

/* Whether the user knows images by their names, since there are several. */
static bool is_named(const struct spec_graph *graph)
{
    return graph->has_images || graph->count > 1;
}

/* task_work: builds a node. */
static struct error *build_node(void *context, struct buffer *out)
{
    const struct order *order = context;
    const struct graph_run *run = order->progress->run;
    CLEANUP(json_freep) struct json *result = NULL;

    if (is_named(run->graph))
        progress_setup_image(run->graph->nodes[order->node]->name);
    TRY(store_session_begin_process(store_session(run->store)));
    struct error *err = run->build(run->context, order->node, order->progress->built, &result);

    if (err != NULL)
        progress_failed(err);
    TRY(err);
    json_write(result, false, out);
    return NULL;
}

static bool is_ready(const struct progress_of_run *progress, size_t node)
{
    const struct spec_node *own = progress->run->graph->nodes[node];

    if (!own->is_needed || progress->states[node] != NODE_WAITS)
        return false;
    for (size_t i = 0; i < own->need_count; i++)
        if (progress->states[own->needs[i]] != NODE_DONE)
            return false;
    return true;
}

static struct error *start_ready(struct progress_of_run *progress)
{
    const struct graph_run *run = progress->run;

    for (size_t i = 0; i < run->graph->count && progress->running < run->jobs; i++) {
        struct order order = {progress, i};

        if (!is_ready(progress, i))
            continue;
        TRY(task_start(build_node, &order, &progress->tasks[i]));
        progress->states[i] = NODE_RUNS;
        progress->running++;
    }
    return NULL;
}

/* Notes which images are not built because FAILED was not. */
static void note_ended(const struct progress_of_run *progress, size_t failed)
{
    const struct spec_graph *graph = progress->run->graph;

    for (size_t i = 0; i < graph->count; i++)
        if (i != failed && progress->states[i] == NODE_RUNS)
            progress_note("%s: ended, since %s failed", graph->nodes[i]->name,
                          graph->nodes[failed]->name);
}

/* Takes what the process of NODE has written. */
static struct error *take_result(struct progress_of_run *progress, size_t node,
                                 const struct buffer *text)
{
    struct json **result = &progress->run->results[node];

    TRY(json_parse("the result of a build", text->data, text->length, result));
    const char *kept = json_get_string(*result, "kept");

    if (kept != NULL && digest_is_hex(kept))
        memcpy(progress->built[node].hex, kept, sizeof progress->built[node].hex);
    return NULL;
}

/* Waits until a node is built. */
static struct error *await_one(struct progress_of_run *progress)
{
    CLEANUP(buffer_free) struct buffer result = {0};
    const struct spec_graph *graph = progress->run->graph;
    size_t node = 0;
    struct error *err = task_wait(progress->tasks, graph->count, &node, &result);

    if (err != NULL && err->code != EXIT_AGAIN)
        note_ended(progress, node);
    TRY(is_named(graph) ? error_context(err, "build image '%s'", graph->nodes[node]->name) : err);
    TRY(take_result(progress, node, &result));
    progress->states[node] = NODE_DONE;
    progress->running--;
    return NULL;
}

static struct error *run_all(struct progress_of_run *progress)
{
    TRY(start_ready(progress));
    while (progress->running > 0) {
        TRY(await_one(progress));
        TRY(start_ready(progress));
    }
    return NULL;
}

struct error *graph_run(const struct graph_run *run)
{
    struct progress_of_run progress = {
        .run = run,
        .states = xcalloc(run->graph->count, sizeof *progress.states),
        .tasks = xcalloc(run->graph->count, sizeof *progress.tasks),
        .built = xcalloc(run->graph->count, sizeof *progress.built),
    };
    struct error *err = run_all(&progress);

    task_end(progress.tasks, run->graph->count);
    free(progress.states);
    free(progress.tasks);
    free(progress.built);
    return err;
}

uint64_t graph_run_memory(const struct spec *spec)
{
    struct plan plan;

    plan_make(spec, &plan);
    return (plan.needs_vm ? spec->memory << 20 : 0) + BUILD_OVERHEAD;
}

/* Returns the bytes that the largest build of GRAPH with a VM takes; 0 if there is none. */
static uint64_t largest_vm(const struct spec_graph *graph)
{
    uint64_t largest = 0;

    for (size_t i = 0; i < graph->count; i++) {
        const struct spec *spec = graph->nodes[i]->spec;
        struct plan plan;

        if (!graph->nodes[i]->is_needed)
            continue;
        plan_make(spec, &plan);
        if (plan.needs_vm && graph_run_memory(spec) > largest)
            largest = graph_run_memory(spec);
    }
    return largest;
}

static size_t processors(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

size_t graph_run_jobs(const struct spec_graph *graph)
{
    struct host_memory memory = {0};
    uint64_t each = largest_vm(graph);
    size_t jobs = processors();

    host_memory_read("/proc", "/sys/fs/cgroup", &memory);
    uint64_t room = memory.available < memory.group_free ? memory.available : memory.group_free;

    if (each > 0 && room != HOST_MEMORY_UNKNOWN && room / each < jobs)
        jobs = (size_t)(room / each);
    return jobs > 0 ? jobs : 1;
}
