#include "host/command/graph_makefile.h"

#include "host/lib/cleanup.h"

static const char head[] =
    "# Made by \"vmbuild graph --format make\": a target for each image, after those that it "
    "needs.\n"
    "# What is cached is not built again, so that each of them may be made at any time.\n"
    "# usage: make -j N -f FILE [TARGET...]; VMBUILD=PROGRAM for another vmbuild\n"
    "\n"
    "VMBUILD = vmbuild\n";

/* Appends the targets of the builds, each after a space: those that are chosen, or all. */
static void write_targets(const struct graph_builds *builds, bool all, struct buffer *out)
{
    for (size_t i = 0; i < builds->ordered; i++) {
        const struct graph_build *build = &builds->items[builds->order[i]];

        if (all || build->is_asked)
            buffer_printf(out, " %s", build->id);
    }
}

/* Appends the command line of BUILD, in which make is to replace nothing. */
static void write_command(const struct graph_build *build, struct buffer *out)
{
    CLEANUP(buffer_free) struct buffer words = {0};

    graph_builds_write(build, &words);
    for (size_t i = 0; i < words.length; i++)
        buffer_append(out, words.data[i] == '$' ? "$$" : &words.data[i],
                      words.data[i] == '$' ? 2 : 1);
}

static void write_rule(const struct graph_builds *builds, const struct graph_build *build,
                       struct buffer *out)
{
    buffer_printf(out, "\n%s:", build->id);
    for (size_t i = 0; i < build->need_count; i++)
        buffer_printf(out, " %s", builds->items[build->needs[i]].id);
    buffer_printf(out, "\n\t");
    if (builds->epoch != NULL)
        buffer_printf(out, "SOURCE_DATE_EPOCH=%s ", builds->epoch);
    buffer_printf(out, "$(VMBUILD)");
    write_command(build, out);
    buffer_printf(out, "\n");
}

void graph_makefile_write(const struct graph_builds *builds, struct buffer *out)
{
    buffer_printf(out, "%s\n.PHONY: " GRAPH_MAKEFILE_ALL, head);
    write_targets(builds, true, out);
    buffer_printf(out, "\n\n" GRAPH_MAKEFILE_ALL ":");
    write_targets(builds, false, out);
    buffer_printf(out, "\n");
    for (size_t i = 0; i < builds->ordered; i++)
        write_rule(builds, &builds->items[builds->order[i]], out);
}
