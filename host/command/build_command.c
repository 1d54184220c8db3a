#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/build/build.h"
#include "host/build/plan.h"
#include "host/build/reproducibility.h"
#include "host/command/build_images.h"
#include "host/command/cache_options.h"
#include "host/command/commands.h"
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

/* Opens the log, if there is to be one; *RET_PATH is its path, the caller's. The OUTPUT would
 * replace it. */
static struct error *open_log(const struct options *options, const char *output,
                              struct log_file **ret, char **ret_path)
{
    if (options->log == NULL)
        return options->keep == NULL ? NULL : open_own_log(options, ret, ret_path);
    *ret_path = xstrdup(options->log);
    if (strcmp(options->log, output) == 0)
        return error_new(EXIT_USAGE, "read option '--log': '%s' is the output", output);
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

/* Checks what is done after a failure, for an image that goes to OUTPUT. */
static struct error *check_on_failure(const struct options *options, const char *output)
{
    CLEANUP(freep) char *folder = options->keep == NULL ? NULL : file_folder(options->keep);

    if (options->check && (options->keep != NULL || options->shell_on_failure))
        return error_new(EXIT_USAGE, "read option '--on-failure': with --check, it must be stop");
    if (options->self_contained && options->keep == NULL)
        return error_new(EXIT_USAGE,
                         "read option '--self-contained': it needs --on-failure keep=FILE");
    if (folder != NULL && access(folder, W_OK) < 0)
        return error_errno(EXIT_USAGE, "read option '--on-failure': write to '%s'", folder);
    if (options->keep != NULL && strcmp(options->keep, output) == 0)
        return error_new(EXIT_USAGE, "read option '--on-failure': '%s' is the output", output);
    return NULL;
}

static struct error *build(const struct options *options, const struct spec *spec,
                           const struct cache_options *caches)
{
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(shared_cache_freep) struct shared_cache *shared = NULL;
    CLEANUP(log_file_freep) struct log_file *log = NULL;
    CLEANUP(freep) char *path = options_output_path(options, spec->name);
    CLEANUP(json_freep) struct json *digests = NULL;
    CLEANUP(freep) char *terminal = NULL;
    CLEANUP(freep) char *log_path = NULL;
    CLEANUP(secrets_free) struct secrets secrets = {0};

    TRY(spec_secrets_load(&spec->secrets, &secrets));
    TRY(check_on_failure(options, path));
    TRY(prepare_shell(options, &terminal));
    TRY(store_open(options->cache_dir, options->no_cache, &store));
    TRY(open_log(options, path, &log, &log_path));
    TRY(cache_options_start(caches, store, &shared));
    struct build build = {
        .spec = spec,
        .output = {.format = options->format, .compression = options->compression, .path = path},
        .accelerator = options->accelerator,
        .grants = &options->allow_network,
        .secrets = &secrets,
        .verbose = options->verbosity > 0,
        .trace = options->trace,
        .rebuild = options->rebuild,
        .max_age = options->max_age_seconds,
        .shared = shared,
        .log = log,
        .store = store,
        .registry = options_registry(options),
        .shell_on_failure = terminal,
        .ret_digests = &digests,
        .keep = options->keep,
        .keep_log = options->keep != NULL ? log_path : NULL,
        .keep_base = options->self_contained};

    TRY(options->check ? reproducibility_check(&build) : build_run(&build));
    if (log != NULL)
        TRY(log_file_finish(log));
    store_trim(store);
    progress_written(path, digests);
    return NULL;
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

struct error *build_command(const struct options *options)
{
    CLEANUP(spec_graph_freep) struct spec_graph *graph = NULL;
    CLEANUP(cache_options_free) struct cache_options caches = {0};

    TRY(spec_graph_read(options->spec, options->overrides, options->override_count, time(NULL),
                        getenv("SOURCE_DATE_EPOCH"), &graph));
    TRY(spec_graph_choose(graph, &options->arguments));
    for (size_t i = 0; i < graph->count; i++)
        if (graph->nodes[i]->is_needed)
            TRY(spec_options_apply(options, graph->nodes[i]->spec));
    TRY(cache_options_read(options, graph, &caches));
    if (graph->has_images || graph->count > 1)
        return suggest(options, false, build_images(options, graph, &caches));
    const struct spec *spec = graph->nodes[0]->spec;

    if (options->dry_run)
        return show_plan(spec);
    return suggest(options, true, build(options, spec, &caches));
}
