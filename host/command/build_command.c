#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/build/build.h"
#include "host/build/graph_run.h"
#include "host/build/plan.h"
#include "host/build/reproducibility.h"
#include "host/command/build_images.h"
#include "host/command/build_report.h"
#include "host/command/build_targets.h"
#include "host/command/cache_options.h"
#include "host/command/commands.h"
#include "host/command/dockerfile_spec.h"
#include "host/command/options.h"
#include "host/command/spec_options.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/log_file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/secret.h"
#include "host/lib/temporary.h"
#include "host/lib/terminal.h"
#include "host/spec/spec_graph.h"
#include "host/spec/spec_secret.h"
#include "host/store/store_pruning.h"

static struct error *show_plan(const struct spec *spec)
{
    struct plan plan;
    CLEANUP(buffer_free) struct buffer text = {0};

    plan_make(spec, &plan);
    CLEANUP(json_freep) struct json *description = plan_describe(&plan, spec);

    json_write(description, true, &text);
    return file_write(text.data, text.length, STDOUT_FILENO, "standard output");
}

/* Opens a log in the run directory, for the file that keeps a failed step. */
static struct error *open_own_log(const struct options *options, struct log_file **ret,
                                  char **ret_path)
{
    const char *run;

    TRY(temporary_run_folder(&run));
    *ret_path = xasprintf("%s/log", run);
    return log_file_open(*ret_path, options->raw_output, ret);
}

/* Opens the log, if there is to be one; *RET_PATH is its path, the caller's. One of TARGETS would
 * replace it. */
static struct error *open_log(const struct options *options, const struct build_targets *targets,
                              struct log_file **ret, char **ret_path)
{
    if (options->log == NULL)
        return options->keep == NULL ? NULL : open_own_log(options, ret, ret_path);
    *ret_path = xstrdup(options->log);
    if (build_targets_have(targets, options->log))
        return error_new(EXIT_USAGE, "read option '--log': '%s' is the output", options->log);
    return log_file_open(options->log, options->raw_output, ret);
}

/* Prepares the user's terminal for a shell, if there is to be one after a failure. *RET is the kind
 * of the terminal, the caller's. */
static struct error *prepare_shell(const struct options *options, char **ret)
{
    if (!options->shell_on_failure)
        return NULL;
    if (!terminal_is_there())
        return error_new(EXIT_USAGE,
                         "read option '--on-failure': standard input and output must be "
                         "a terminal");
    TRY(terminal_prepare());
    *ret = terminal_kind();
    return NULL;
}

/* Checks what is done after a failure, for an image that goes to TARGETS. */
static struct error *check_on_failure(const struct options *options,
                                      const struct build_targets *targets)
{
    CLEANUP(freep) char *folder = options->keep == NULL ? NULL : file_folder(options->keep);

    if (options->check && (options->keep != NULL || options->shell_on_failure))
        return error_new(EXIT_USAGE, "read option '--on-failure': with --check, it must be stop");
    if (options->self_contained && options->keep == NULL)
        return error_new(EXIT_USAGE,
                         "read option '--self-contained': it needs --on-failure keep=FILE");
    if (folder != NULL && access(folder, W_OK) < 0)
        return error_errno(EXIT_USAGE, "read option '--on-failure': write to '%s'", folder);
    if (options->keep != NULL && build_targets_have(targets, options->keep))
        return error_new(EXIT_USAGE, "read option '--on-failure': '%s' is the output",
                         options->keep);
    return NULL;
}

/* A build of one image. */
struct job {
    const struct options *options;
    const struct cache_options *caches;
    struct build build;
    struct build_targets targets;
    struct secrets secrets;
    struct log_file *log;
    char *log_path, *terminal;
    struct json *result;
};

static void free_job(struct job *job)
{
    build_targets_free(&job->targets);
    secrets_free(&job->secrets);
    log_file_free(job->log);
    free(job->log_path);
    free(job->terminal);
    json_free(job->result);
    store_free(job->build.store);
}

static struct error *carry_out(const struct job *job)
{
    CLEANUP(shared_cache_freep) struct shared_cache *shared = NULL;
    struct build build = job->build;

    TRY(cache_options_start(job->caches, build.store, &shared));
    build.shared = shared;
    TRY(job->options->check ? reproducibility_check(&build) : build_run(&build));
    return job->log != NULL ? log_file_finish(job->log) : NULL;
}

/* struct graph_run: the only node. */
static struct error *build_node(void *context, const struct graph_node_build *build,
                                struct json **ret)
{
    struct job *job = context;

    (void)build;
    TRY(carry_out(job));
    *ret = STEAL(job->result);
    return NULL;
}

/* Builds. What is pushed afterwards is built in another process, which may confine itself. */
static struct error *build_and_push(struct job *job, const struct spec_graph *graph)
{
    const struct graph_run run = {.graph = graph,
                                  .store = job->build.store,
                                  .jobs = 1,
                                  .build = build_node,
                                  .context = job,
                                  .results = &job->result};

    if (!job->build.is_kept)
        return carry_out(job);
    TRY(graph_run(&run));
    return build_targets_push(&job->targets, job->options, job->build.store, job->result);
}

/* Fills in what is done, all but the store. */
static struct error *prepare(struct job *job, const struct spec *spec)
{
    const struct options *options = job->options;

    TRY(build_targets_read(options, spec->name, &job->targets));
    TRY(spec_secrets_load(&spec->secrets, &job->secrets));
    TRY(check_on_failure(options, &job->targets));
    TRY(build_report_check(options->metadata, &job->targets));
    TRY(prepare_shell(options, &job->terminal));
    job->build = (struct build){.spec = spec,
                                .outputs = job->targets.outputs,
                                .output_count = job->targets.count,
                                .accelerator = options->accelerator,
                                .grants = &options->allow_network,
                                .secrets = &job->secrets,
                                .verbose = options->verbosity > 0,
                                .trace = options->trace,
                                .rebuild = options->rebuild,
                                .max_age = options->max_age_seconds,
                                .registry = options_registry(options),
                                .shell_on_failure = job->terminal,
                                .ret_result = &job->result,
                                .keep = options->keep,
                                .keep_base = options->self_contained,
                                .is_kept = build_targets_are_remote(&job->targets)};
    if (job->build.is_kept)
        job->build.registry.user = NULL; /* --creds is for the targets */
    return NULL;
}

/* Builds the only image of GRAPH. */
static struct error *build(const struct options *options, const struct spec_graph *graph,
                           const struct cache_options *caches)
{
    CLEANUP(free_job) struct job job = {.options = options, .caches = caches};

    TRY(prepare(&job, graph->nodes[0]->spec));
    TRY(store_open(options->cache_dir, options->no_cache, &job.build.store));
    TRY(open_log(options, &job.targets, &job.log, &job.log_path));
    job.build.log = job.log;
    job.build.keep_log = options->keep != NULL ? job.log_path : NULL;
    TRY(build_and_push(&job, graph));
    store_trim(job.build.store);
    build_report_show(&job.targets, NULL, job.result);
    if (options->metadata == NULL)
        return NULL;
    CLEANUP(json_freep) struct json *metadata = build_report_metadata(&job.targets, job.result);

    return build_report_write(options->metadata, metadata);
}

/* Names the commands that show more of a script that has failed with ERR. IS_ALONE: it is the only
 * image of the spec, so that a shell may be opened. */
static struct error *suggest(const struct options *options, bool is_alone, struct error *err)
{
    bool is_script = err != NULL && (err->code == EXIT_SCRIPT || err->code == EXIT_TIMEOUT);

    if (!is_script || (options->shell_on_failure || options->keep != NULL))
        return err;
    if (!is_alone)
        return options->trace ? err
                              : error_suggest(err, "--trace shows each command of the script");
    if (options->trace)
        return error_suggest(err, "--on-failure shell opens a shell where the script fails");
    return error_suggest(err, "--trace shows each command of the script, and --on-failure shell "
                              "opens a shell where it fails");
}

/* Reads the spec, or the one that a Dockerfile becomes, and chooses what is built. */
static struct error *read_graph(const struct options *options, struct spec_graph **ret)
{
    static const struct strings all;
    CLEANUP(dockerfile_spec_free) struct dockerfile_spec dockerfile = {0};
    struct spec_graph_request request = {.overrides = options->overrides,
                                         .override_count = options->override_count,
                                         .platforms = &options->platforms,
                                         .now = time(NULL),
                                         .source_date_epoch = getenv("SOURCE_DATE_EPOCH")};

    if (options->file == NULL) {
        TRY(spec_graph_read(options->spec, &request, ret));
        return spec_graph_choose(*ret, &options->arguments);
    }
    TRY(dockerfile_spec_make(options, &dockerfile));
    TRY(spec_graph_read_converted(dockerfile.name, dockerfile.specs, &request, ret));
    return spec_graph_choose(*ret, &all);
}

/* Builds what has been chosen in GRAPH. */
static struct error *build_chosen(const struct options *options, struct spec_graph *graph)
{
    CLEANUP(cache_options_free) struct cache_options caches = {0};

    TRY(spec_options_apply_all(options, graph));
    TRY(cache_options_read(options, graph, &caches));
    if (graph->has_images || graph->count > 1 || options->index || options->no_output)
        return suggest(options, false, build_images(options, graph, &caches));
    if (options->dry_run)
        return show_plan(graph->nodes[0]->spec);
    return suggest(options, true, build(options, graph, &caches));
}

struct error *build_command(const struct options *options)
{
    CLEANUP(spec_graph_freep) struct spec_graph *graph = NULL;
    struct options own = *options;

    /* For `docker build` the option is about the results of instructions alone. */
    if (own.file != NULL && own.no_cache) {
        own.no_cache = false;
        own.rebuild = BUILD_REBUILD_ALL;
    }
    own.index = own.index || (own.platforms.count > 1 && !own.no_output);
    TRY(read_graph(&own, &graph));
    return build_chosen(&own, graph);
}
