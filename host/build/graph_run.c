#include "host/build/graph_run.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/build/plan.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/task.h"
#include "host/machine/host_memory.h"
#include "host/store/store_session.h"

#define BUILD_OVERHEAD (UINT64_C(160) << 20) /* bytes that it takes beside the guest's memory */

enum state {
    NODE_WAITS,
    NODE_RUNS,   /* it is the first of a task */
    NODE_JOINED, /* it is another one of a task */
    NODE_DONE,
};

/* A run in progress. */
struct progress_of_run {
    const struct graph_run *run;
    enum state *states;
    struct task *tasks; /* of each node that is the first of one */
    size_t *next;       /* of each node, the one after it in the task; or the number of nodes */
    size_t *current;    /* of each task, the node that is being built; shared with it */
    struct digest *built;
    size_t running;
};

/* What a task is started with. */
struct order {
    const struct progress_of_run *progress;
    size_t first;
};

/* Whether the user knows images by their names, since there are several. */
static bool is_named(const struct spec_graph *graph)
{
    return graph->has_images || graph->count > 1;
}

/* Notes that NODE was built, with RESULT. */
static void note_built(struct digest *built, size_t node, const struct json *result)
{
    const char *kept = json_get_string(result, "kept");

    if (kept != NULL && digest_is_hex(kept))
        memcpy(built[node].hex, kept, sizeof built[node].hex);
}

/* Whether NODE's spec is made of BASE. */
static bool is_on(const struct spec_node *node, size_t base)
{
    const struct spec_image *image = &node->spec->from_image;

    return image->is_built && image->node == base;
}

/* Returns the only needed node that needs NODE; or the number of nodes, if there is none, or
 * several. */
static size_t find_user(const struct spec_graph *graph, size_t node)
{
    size_t found = graph->count;

    for (size_t i = 0; i < graph->count; i++)
        for (size_t j = 0; graph->nodes[i]->is_needed && j < graph->nodes[i]->need_count; j++)
            if (graph->nodes[i]->needs[j] == node && found != graph->count)
                return graph->count;
            else if (graph->nodes[i]->needs[j] == node)
                found = i;
    return found;
}

/* Whether all that NODE needs was built, or is OTHER. */
static bool has_needs(const struct progress_of_run *progress, size_t node, size_t other)
{
    const struct spec_node *own = progress->run->graph->nodes[node];

    for (size_t i = 0; i < own->need_count; i++)
        if (own->needs[i] != other && progress->states[own->needs[i]] != NODE_DONE)
            return false;
    return true;
}

/* Returns the node that is built after NODE in the same task, of which HELD has those so far; or
 * the number of nodes. */
static size_t find_next(const struct progress_of_run *progress, size_t node,
                        const struct held_vm *held)
{
    const struct spec_graph *graph = progress->run->graph;
    size_t next = find_user(graph, node);

    if (progress->run->is_apart || graph->nodes[node]->is_chosen || next == graph->count)
        return graph->count;
    return is_on(graph->nodes[next], node) && has_needs(progress, next, node) &&
                   held_vm_suits(held, graph->nodes[next]->spec)
               ? next
               : graph->count;
}

/* Finds the nodes of the task that begins with FIRST. */
static void join(struct progress_of_run *progress, size_t first)
{
    const struct spec_graph *graph = progress->run->graph;
    struct held_vm held = {0};
    size_t node = first;

    progress->next[first] = graph->count;
    if (!held_vm_suits(&held, graph->nodes[first]->spec))
        return;
    for (;;) {
        held.specs[held.count++] = graph->nodes[node]->spec;
        size_t next = find_next(progress, node, &held);

        progress->next[node] = next;
        if (next == graph->count)
            return;
        progress->states[next] = NODE_JOINED;
        node = next;
    }
}

/* Builds a node, and appends what it has made to RESULTS. */
static struct error *build_node(const struct progress_of_run *progress,
                                const struct graph_node_build *build, struct json *results)
{
    const struct graph_run *run = progress->run;
    CLEANUP(json_freep) struct json *result = NULL;

    if (is_named(run->graph))
        progress_setup_image(run->graph->nodes[build->node]->name);
    TRY(run->build(run->context, build, &result));
    note_built(progress->built, build->node, result);
    json_append(results, STEAL(result));
    return NULL;
}

/* Builds the nodes of a task that begins with ORDER's, until one needs another process. */
static struct error *build_nodes(const struct order *order, struct held_vm *held,
                                 struct json *results)
{
    const struct progress_of_run *progress = order->progress;
    size_t none = progress->run->graph->count, node = order->first;
    struct graph_node_build build = {.built = progress->built,
                                     .held = held->count > 1 ? held : NULL};

    for (size_t i = order->first; i != none; i = progress->next[i])
        build.last = i;
    for (; node != none; node = progress->next[node], held->position++) {
        progress->current[order->first] = node;
        build.node = node;
        struct error *err = build_node(progress, &build, results);

        if (err != NULL && held->is_spent) {
            error_free(err);
            return NULL;
        }
        if (err != NULL)
            progress_failed(err);
        TRY(err);
    }
    return NULL;
}

/* task_work: builds the nodes of a task. */
static struct error *run_task(void *context, struct buffer *out)
{
    const struct order *order = context;
    const struct graph_run *run = order->progress->run;
    size_t none = run->graph->count;
    CLEANUP(json_freep) struct json *results = json_array();
    CLEANUP(held_vm_free) struct held_vm held = {.disk = {.lock = -1}};

    TRY(store_session_begin_process(store_session(run->store)));
    for (size_t i = order->first; i != none; i = order->progress->next[i])
        held.specs[held.count++] = run->graph->nodes[i]->spec;
    TRY(build_nodes(order, &held, results));
    json_write(results, false, out);
    return NULL;
}

static bool is_ready(const struct progress_of_run *progress, size_t node)
{
    return progress->run->graph->nodes[node]->is_needed && progress->states[node] == NODE_WAITS &&
           has_needs(progress, node, node);
}

static struct error *start_ready(struct progress_of_run *progress)
{
    const struct graph_run *run = progress->run;

    for (size_t i = 0; i < run->graph->count && progress->running < run->jobs; i++) {
        struct order order = {progress, i};

        if (!is_ready(progress, i))
            continue;
        join(progress, i);
        progress->current[i] = i;
        TRY(task_start(run_task, &order, &progress->tasks[i]));
        progress->states[i] = NODE_RUNS;
        progress->running++;
    }
    return NULL;
}

/* Notes which images are not built because FAILED, of the task that begins with FIRST, was not. */
static void note_ended(const struct progress_of_run *progress, size_t first, size_t failed)
{
    const struct spec_graph *graph = progress->run->graph;

    for (size_t i = 0; i < graph->count; i++)
        if (i != first && progress->states[i] == NODE_RUNS)
            progress_note("%s: ended, since %s failed", graph->nodes[progress->current[i]]->name,
                          graph->nodes[failed]->name);
}

/* Takes what the task that begins with FIRST has written: the results of its nodes, of which the
 * last may be missing, and are then to be built yet. */
static struct error *take_results(struct progress_of_run *progress, size_t first,
                                  const struct buffer *text)
{
    CLEANUP(json_freep) struct json *results = NULL;
    size_t none = progress->run->graph->count, done = 0;

    TRY(json_parse("the result of a build", text->data, text->length, &results));
    for (size_t i = first; i != none; i = progress->next[i]) {
        const struct json *result = done < results->count ? results->items[done++] : NULL;

        progress->states[i] = result != NULL ? NODE_DONE : NODE_WAITS;
        if (result == NULL)
            continue;
        progress->run->results[i] = json_copy(result);
        note_built(progress->built, i, result);
    }
    return NULL;
}

/* Waits until a task has ended. */
static struct error *await_one(struct progress_of_run *progress)
{
    CLEANUP(buffer_free) struct buffer results = {0};
    const struct spec_graph *graph = progress->run->graph;
    size_t first = 0;
    struct error *err = task_wait(progress->tasks, graph->count, &first, &results);
    size_t current = progress->current[first];

    if (err != NULL && err->code != EXIT_AGAIN)
        note_ended(progress, first, current);
    TRY(is_named(graph) ? error_context(err, "build image '%s'", graph->nodes[current]->name)
                        : err);
    TRY(take_results(progress, first, &results));
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
    size_t size = run->graph->count * sizeof(size_t);
    void *current = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (current == MAP_FAILED)
        return error_errno(EXIT_OTHER, "build images");
    struct progress_of_run progress = {
        .run = run,
        .current = current,
        .next = xcalloc(run->graph->count, sizeof *progress.next),
        .states = xcalloc(run->graph->count, sizeof *progress.states),
        .tasks = xcalloc(run->graph->count, sizeof *progress.tasks),
        .built = xcalloc(run->graph->count, sizeof *progress.built),
    };
    struct error *err = run_all(&progress);

    task_end(progress.tasks, run->graph->count);
    munmap(current, size);
    free(progress.next);
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
