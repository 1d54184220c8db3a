#include <stdlib.h>
#include <string.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/command/session.h"
#include "host/command/spec_options.h"
#include "host/lib/cleanup.h"
#include "host/lib/progress.h"
#include "host/spec/spec_reader.h"

/* Runs the script again, and finishes the build. */
static struct error *retry(const struct options *options, const struct spec *spec,
                           const struct kept_step *kept)
{
    CLEANUP(freep) char *output = options_output_path(options, spec->name);

    return session_build(options, spec, kept, NULL, output);
}

/* Opens a shell in the view of the script. */
static struct error *open_shell(const struct options *options, const struct spec *spec,
                                const struct kept_step *kept, int *ret_status)
{
    int status = 0;
    struct build_session session = {.step = kept->step,
                                    .vm = {.is_of_hook = kept->step >= PLAN_HOOK,
                                           .hook = (enum guest_hook)(kept->step - PLAN_HOOK)},
                                    .status = &status};
    struct error *err = session_connect(&session.vm);

    if (err == NULL)
        err = session_build(options, spec, kept, &session, "-");
    if (err == NULL)
        *ret_status = status;
    free(session.vm.terminal);
    return err;
}

/* Whether SPEC has the variable NAME of --env. */
static bool has_variable(const struct spec *spec, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < spec->variables.count; i++)
        if (strncmp(spec->variables.items[i], name, length) == 0 &&
            spec->variables.items[i][length] == '=')
            return true;
    return false;
}

/* Refuses to go on without a variable that the file has the name of alone. */
static struct error *check_variables(const struct kept_step *kept, const struct spec *spec)
{
    for (size_t i = 0; i < kept->variables.count; i++)
        if (!has_variable(spec, kept->variables.items[i]))
            return error_advise(error_new(EXIT_INPUT,
                                          "resume: the variable '%s' is not in the file",
                                          kept->variables.items[i]),
                                "give it again with --env %s", kept->variables.items[i]);
    return NULL;
}

static struct error *resume(const struct options *options, struct kept_step *kept, int *ret_status)
{
    const char *path = options->arguments.items[0];
    CLEANUP(spec_freep) struct spec *spec = NULL;

    progress_start("read");
    TRY(kept_step_read(path, kept));
    TRY(spec_read_text(kept->spec, path, kept->archive, options->overrides, options->override_count,
                       &spec));
    TRY(spec_options_apply(options, NULL, spec));
    TRY(check_variables(kept, spec));
    progress_done();
    progress_note("what failed then: %s", kept->reason);
    return options->retry ? retry(options, spec, kept)
                          : open_shell(options, spec, kept, ret_status);
}

struct error *resume_command(const struct options *options, int *ret_status)
{
    struct kept_step kept = {0};
    struct error *err = resume(options, &kept, ret_status);

    kept_step_free(&kept);
    return err;
}
