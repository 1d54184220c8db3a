#include "host/command/graph_slurm.h"

#include <inttypes.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/quoted_word.h"

/* With --parsable, sbatch prints "JOB" or "JOB;CLUSTER". */
static const char head[] =
    "#!/bin/sh\n"
    "# Made by \"vmbuild graph --format slurm\": submits a job for each image, which waits for "
    "those\n"
    "# that it needs, and prints its number and the image. If one cannot be submitted, none is "
    "left.\n"
    "# usage: sh FILE [OPTION...]; the options are sbatch's, for each job\n"
    "set -eu\n"
    "jobs=\n"
    "\n"
    "cancel() {\n"
    "    test $? -ne 0 || return 0\n"
    "    for job in $jobs; do\n"
    "        case $job in\n"
    "        *\\;*) scancel --clusters=\"${job#*;}\" \"${job%%;*}\" || : ;;\n"
    "        *) scancel \"$job\" || : ;;\n"
    "        esac\n"
    "    done\n"
    "}\n"
    "trap cancel EXIT\n"
    "trap 'exit 129' HUP\n"
    "trap 'exit 130' INT\n"
    "trap 'exit 143' TERM\n"
    "\n"
    "submit() {\n"
    "    jobs=\"$jobs $(sbatch --parsable --requeue --kill-on-invalid-dep=yes \"$@\")\"\n"
    "    job=${jobs##* }\n"
    "    job=${job%%;*}\n"
    "}\n";

/* Appends the option that has BUILD wait for those that it needs. The variables that have the
 * numbers of jobs are those of the builds. */
static void write_dependency(const struct graph_build *build, struct buffer *out)
{
    for (size_t i = 0; i < build->need_count; i++)
        buffer_printf(out, "%s:$job%zu", i == 0 ? " --dependency=afterok" : "", build->needs[i]);
}

static void write_job(const struct graph_builds *builds, size_t index, struct buffer *out)
{
    const struct graph_build *build = &builds->items[index];
    CLEANUP(freep) char *name = xasprintf("vmbuild %s", build->name);

    buffer_printf(out, "\nsubmit --job-name=");
    quoted_word(name, out);
    buffer_printf(out, " --cpus-per-task=%" PRIu64 " --mem=%" PRIu64 "M", build->cpus,
                  build->memory);
    write_dependency(build, out);
    buffer_printf(out, " \"$@\" << 'END'\n#!/bin/sh\n");
    if (builds->epoch != NULL)
        buffer_printf(out, "export SOURCE_DATE_EPOCH=%s\n", builds->epoch);
    buffer_printf(out, "exec ${VMBUILD:-vmbuild}");
    graph_builds_write(build, out);
    buffer_printf(out, "\nEND\njob%zu=$job\nprintf '%%s %%s\\n' \"$job\" ", index);
    quoted_word(build->name, out);
    buffer_printf(out, "\n");
}

void graph_slurm_write(const struct graph_builds *builds, struct buffer *out)
{
    buffer_printf(out, "%s", head);
    for (size_t i = 0; i < builds->ordered; i++)
        write_job(builds, builds->order[i], out);
}
