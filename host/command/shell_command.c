/* shell and run: sessions in an image or a build (build/build_session.h). */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/build/plan.h"
#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/command/session.h"
#include "host/command/spec_options.h"
#include "host/lib/cleanup.h"
#include "host/spec/spec_reader.h"

/* In the order in which the default is looked for. */
static const enum plan_step scripts[] = {
    PLAN_RUN_AS_ROOT,
    PLAN_RUN,
    PLAN_HOOK + GUEST_HOOK_PRE_MOUNT,
    PLAN_HOOK + GUEST_HOOK_POST_MOUNT,
    PLAN_HOOK + GUEST_HOOK_POST_UMOUNT,
    PLAN_HOOK + GUEST_HOOK_EXTRA_COMMANDS,
};

/* Which step the shell is for: by default runAsRoot, or the first script of a spec without it. */
static enum plan_step choose_step(const struct options *options, const struct spec *spec)
{
    if (options->before != 0)
        return options->before;
    if (options->after != 0)
        return options->after;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (build_session_has_script(spec, scripts[i]))
            return scripts[i];
    return PLAN_RUN_AS_ROOT;
}

/* Reads the spec, or makes one of the image. */
static struct error *read_spec(const struct options *options, struct spec **ret)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");

    if (options->spec != NULL)
        return spec_read(options->spec, options->overrides, options->override_count, time(NULL),
                         epoch, ret);
    return spec_of_image(options->arguments.items[0], options->overrides, options->override_count,
                         time(NULL), epoch, ret);
}

static struct error *check_shell(const struct options *options)
{
    size_t images = options->arguments.count;
    bool has_step = options->before != 0 || options->after != 0;

    if ((images > 0) == (options->spec != NULL))
        return error_advise(error_new(EXIT_USAGE, "read command 'shell': %s",
                                      images > 0 ? "an image and --spec exclude each other"
                                                 : "an image or --spec is missing"),
                            "'vmbuild shell --help' shows the usage");
    if (options->before != 0 && options->after != 0)
        return error_new(EXIT_USAGE,
                         "read command 'shell': --before and --after exclude each other");
    if (has_step && images > 0)
        return error_new(EXIT_USAGE, "read command 'shell': --%s needs --spec",
                         options->before != 0 ? "before" : "after");
    return NULL;
}

struct error *shell_command(const struct options *options, int *ret_status)
{
    CLEANUP(spec_freep) struct spec *spec = NULL;
    int status = 0;
    struct build_session session = {.is_after = options->after != 0,
                                    .is_stored = options->output != NULL,
                                    .keeps_name = options->spec == NULL,
                                    .vm.rescue = options->rescue,
                                    .status = &status};

    TRY(check_shell(options));
    TRY(read_spec(options, &spec));
    TRY(spec_options_apply(options, NULL, spec));
    session.step = choose_step(options, spec);
    session.vm.is_of_hook = session.step >= PLAN_HOOK;
    session.vm.hook = (enum guest_hook)(session.step - PLAN_HOOK);
    if (session.is_after && !build_session_has_script(spec, session.step))
        return error_new(EXIT_USAGE, "read option '--after': the spec has no '%s'",
                         plan_step_name(session.step));
    struct error *err = session_connect(&session.vm);

    if (err == NULL)
        err = session_build(options, spec, NULL, &session, options->output);
    if (err == NULL)
        *ret_status = status;
    free(session.vm.terminal);
    return err;
}

/* Whether the time limit is given on the command line. */
static bool has_limit(const struct options *options)
{
    for (size_t i = 0; i < options->override_count; i++)
        if (strcmp(options->overrides[i].key, "timeout") == 0)
            return true;
    return false;
}

struct error *run_in_image_command(const struct options *options, int *ret_status)
{
    CLEANUP(spec_freep) struct spec *spec = NULL;
    int status = 0;
    struct build_session session = {.step = PLAN_RUN_AS_ROOT,
                                    .is_stored = options->output != NULL,
                                    .keeps_name = true,
                                    .vm.has_input = !isatty(STDIN_FILENO),
                                    .status = &status};

    TRY(read_spec(options, &spec));
    TRY(spec_options_apply(options, NULL, spec));
    session.vm.limit = has_limit(options) ? spec->timeout : 0;
    for (size_t i = 1; i < options->arguments.count; i++)
        strings_add(&session.vm.command, options->arguments.items[i]);
    struct error *err = session_build(options, spec, NULL, &session, options->output);

    strings_free(&session.vm.command);
    if (err == NULL)
        *ret_status = status;
    return err;
}
