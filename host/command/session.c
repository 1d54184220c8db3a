#include "host/command/session.h"

#include <unistd.h>

#include "host/build/build.h"
#include "host/command/build_report.h"
#include "host/command/build_targets.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/progress.h"
#include "host/lib/secret.h"
#include "host/lib/terminal.h"
#include "host/spec/spec_secret.h"
#include "host/store/store_pruning.h"

struct error *session_connect(struct vm_session *session)
{
    session->has_input = true;
    if (!terminal_is_there() && isatty(STDIN_FILENO))
        return error_new(EXIT_USAGE,
                         "open a shell: standard input is a terminal, but standard output is not");
    if (!terminal_is_there())
        return NULL;
    session->terminal = terminal_kind();
    return terminal_prepare();
}

/* Even with --quiet: standard output is that of the program in the session. */
static void show_result(const struct build_targets *targets, const struct json *result)
{
    CLEANUP(json_freep) struct json *event = build_report_event(targets, 0, result);

    progress_note("wrote '%s'", targets->outputs[0].path);
    progress_result(NULL, event);
}

struct error *session_build(const struct options *options, const struct spec *spec,
                            const struct kept_step *resumed, const struct build_session *session,
                            const char *output)
{
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(secrets_free) struct secrets secrets = {0};
    CLEANUP(json_freep) struct json *result = NULL;
    bool is_stored = session == NULL || session->is_stored;
    struct output written = {.format = options->format,
                             .compression = options->compression,
                             .path = is_stored ? output : "-"};
    const struct build_targets targets = {.outputs = &written, .count = 1};
    struct build build = {.spec = spec,
                          .outputs = &written,
                          .output_count = 1,
                          .accelerator = options->accelerator,
                          .grants = &options->allow_network,
                          .secrets = &secrets,
                          .verbose = options->verbosity > 0,
                          .registry = options_registry(options),
                          .ret_result = &result,
                          .resumed = resumed,
                          .session = session};

    TRY(spec_secrets_load(&spec->secrets, &secrets));
    TRY(store_open(options->cache_dir, options->no_cache, &store));
    build.store = store;
    TRY(build_run(&build));
    store_trim(store);
    if (session == NULL)
        build_report_show(&targets, NULL, result);
    else if (is_stored)
        show_result(&targets, result);
    return NULL;
}
