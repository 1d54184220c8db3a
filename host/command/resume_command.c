#include <stdlib.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/command/session.h"
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

static struct error *resume(const struct options *options, struct kept_step *kept, int *ret_status)
{
    const char *path = options->arguments.items[0];
    CLEANUP(spec_freep) struct spec *spec = NULL;

    progress_start("read");
    TRY(kept_step_read(path, kept));
    TRY(spec_read_text(kept->spec, path, kept->archive, options->overrides, options->override_count,
                       &spec));
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
