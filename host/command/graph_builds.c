#include "host/command/graph_builds.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "host/build/graph_run.h"
#include "host/build/plan.h"
#include "host/command/command_table.h"
#include "host/command/option_table.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/quoted_word.h"
#include "host/lib/rfc3339.h"

#define MIB (UINT64_C(1) << 20)

/* How builds are made. */
struct maker {
    const struct options *options;
    const struct spec_graph *graph;
    int64_t now;
    struct graph_builds *builds;
};

static bool has_id(const struct graph_builds *builds, const char *id)
{
    for (size_t i = 0; i < builds->count; i++)
        if (builds->items[i].id != NULL && strcmp(builds->items[i].id, id) == 0)
            return true;
    return false;
}

/* Returns an id that is like NAME, and neither OTHER nor that of a build; the caller's. */
static char *make_id(const struct graph_builds *builds, const char *name, const char *other)
{
    CLEANUP(freep) char *base = xstrdup(name);

    for (char *at = base; *at != '\0'; at++)
        if (!isascii(*at) || !(isalnum(*at) || strchr("._-", *at) != NULL))
            *at = '_';
    if (*base == '.' || *base == '-')
        *base = '_';
    char *id = xstrdup(base);

    for (unsigned int i = 2; strcmp(id, other) == 0 || has_id(builds, id); i++) {
        free(id);
        id = xasprintf("%s-%u", base, i);
    }
    return id;
}

/* Whether the option of ROW is one of each build: not what graph prints, nor what only images that
 * are written have. */
static bool is_passed_on(const struct option_row *row)
{
    return option_is_of(row, &command_table[COMMAND_BUILD]) && row->group != OPTION_GROUP_COMMON &&
           row->offset != offsetof(struct options, outputs);
}

/* Adds the given options that are passed on, or else those for outputs. */
static void add_options(const struct maker *maker, bool are_outputs, struct strings *words)
{
    for (size_t i = 0; i < maker->options->given_count; i++) {
        const struct option_given *given = &maker->options->given[i];
        bool is_output = given->row->offset == offsetof(struct options, outputs);

        if (are_outputs ? !is_output : !is_passed_on(given->row))
            continue;
        strings_take(words, given->value != NULL
                                ? xasprintf("--%s=%s", given->row->name, given->value)
                                : xasprintf("--%s", given->row->name));
    }
}

/* Adds what sets the times of images that are made "now": each build would have its own. */
static struct error *add_times(const struct maker *maker, struct strings *words)
{
    for (size_t i = 0; i < maker->graph->count; i++) {
        const struct spec_node *node = maker->graph->nodes[i];

        if (!node->is_needed || node->spec->created != maker->now)
            continue;
        if (strchr(node->name, '=') != NULL)
            return error_new(EXIT_INPUT,
                             "write the build of image '%s': it has a '=' in its name, and "
                             "'created' is 'now'",
                             node->name);
        CLEANUP(freep) char *time = rfc3339_format(maker->now);

        strings_take(words, xasprintf("--set=%s.created=%s", node->name, time));
    }
    return NULL;
}

/* Refuses what cannot be on one line. */
static struct error *check_words(const struct graph_build *build)
{
    for (size_t i = 0; i < build->words.count; i++)
        if (strpbrk(build->words.items[i], "\n\r") != NULL)
            return error_new(EXIT_INPUT,
                             "write the build of image '%s': '%s' has a line break, which no "
                             "command of it can have",
                             build->name, build->words.items[i]);
    return NULL;
}

/* Whether the images become one index, which a build of its own writes. */
static bool makes_index(const struct maker *maker)
{
    return maker->options->platforms.count > 1;
}

static struct error *make_build(const struct maker *maker, size_t index, const char *id)
{
    const struct spec_node *node = maker->graph->nodes[index];
    struct graph_build *build = &maker->builds->items[index];
    struct strings *words = &build->words;
    struct plan plan;

    plan_make(node->spec, &plan);
    build->name = node->name;
    build->needs = xcalloc(node->need_count + 1, sizeof *build->needs);
    while (build->need_count < node->need_count) {
        build->needs[build->need_count] = node->needs[build->need_count];
        build->need_count++;
    }
    build->is_asked = node->is_chosen && !makes_index(maker);
    build->memory = (graph_run_memory(node->spec) + MIB - 1) / MIB;
    build->cpus = plan.needs_vm ? node->spec->cpus : 1;
    build->id = make_id(maker->builds, node->name, id);
    strings_add(words, "build");
    add_options(maker, false, words);
    TRY(add_times(maker, words));
    if (build->is_asked)
        add_options(maker, true, words);
    else
        strings_add(words, "--no-output");
    strings_add(words, "--jobs=1");
    strings_add(words, "--");
    strings_add(words, node->name);
    return check_words(build);
}

/* Makes the build that comes after all others, and finds in the cache what they have built. */
static struct error *make_index(const struct maker *maker, const char *id)
{
    struct graph_builds *builds = maker->builds;
    const struct spec_graph *graph = maker->graph;
    struct graph_build *build = &builds->items[graph->count];
    struct strings *words = &build->words;

    build->name = "index";
    build->id = make_id(builds, build->name, id);
    build->is_asked = true;
    build->cpus = 1;
    build->needs = xcalloc(graph->count, sizeof *build->needs);
    for (size_t i = 0; i < graph->count; i++) {
        if (!graph->nodes[i]->is_chosen)
            continue;
        build->needs[build->need_count++] = i;
        if (builds->items[i].memory > build->memory)
            build->memory = builds->items[i].memory;
    }
    strings_add(words, "build");
    add_options(maker, false, words);
    TRY(add_times(maker, words));
    add_options(maker, true, words);
    strings_add(words, "--jobs=1");
    strings_add(words, "--");
    for (size_t i = 0; i < maker->options->arguments.count; i++)
        strings_add(words, maker->options->arguments.items[i]);
    builds->order = xreallocarray(builds->order, builds->ordered + 1, sizeof *builds->order);
    builds->order[builds->ordered++] = graph->count;
    return check_words(build);
}

/* Refuses options that are those of one image if several are written. */
static struct error *check_options(const struct maker *maker)
{
    size_t chosen = 0;

    if (makes_index(maker) && maker->options->outputs.count == 0)
        return error_advise(error_new(EXIT_USAGE, "read option '--platform': the images of several "
                                                  "platforms become one index, which needs an "
                                                  "--output"),
                            "use oci-archive:FILE, oci:DIR, dir:DIR or docker://HOST/NAME:TAG");
    for (size_t i = 0; i < maker->graph->count; i++)
        chosen += maker->graph->nodes[i]->is_chosen;
    if (chosen > 1 && maker->options->outputs.count > 0 && !makes_index(maker))
        return error_advise(error_new(EXIT_USAGE, "read option '--output': there are several "
                                                  "images, and it names one file"),
                            "leave it out, or name one of the images");
    if (strcmp(maker->options->spec, "-") == 0)
        return error_new(EXIT_USAGE, "read option '--spec': the builds need a file");
    return NULL;
}

/* Returns SOURCE_DATE_EPOCH, borrowed; NULL if it is not a time. */
static const char *find_epoch(void)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");

    return epoch != NULL && *epoch != '\0' && epoch[strspn(epoch, "0123456789")] == '\0' ? epoch
                                                                                         : NULL;
}

struct error *graph_builds_make(const struct options *options, const struct spec_graph *graph,
                                int64_t now, const char *id, struct graph_builds *ret)
{
    const struct maker maker = {.options = options, .graph = graph, .now = now, .builds = ret};

    ret->count = graph->count + makes_index(&maker);
    ret->items = xcalloc(ret->count, sizeof *ret->items);
    ret->epoch = find_epoch();
    TRY(check_options(&maker));
    ret->order = spec_graph_order(graph, &ret->ordered);
    for (size_t i = 0; i < ret->ordered; i++)
        TRY(make_build(&maker, ret->order[i], id));
    return makes_index(&maker) ? make_index(&maker, id) : NULL;
}

void graph_builds_free(struct graph_builds *builds)
{
    for (size_t i = 0; i < builds->count; i++) {
        free(builds->items[i].id);
        free(builds->items[i].needs);
        strings_free(&builds->items[i].words);
    }
    free(builds->items);
    free(builds->order);
    *builds = (struct graph_builds){0};
}

void graph_builds_write(const struct graph_build *build, struct buffer *out)
{
    for (size_t i = 0; i < build->words.count; i++) {
        buffer_append(out, " ", 1);
        quoted_word(build->words.items[i], out);
    }
}
