#include "host/build/build_session.h"

#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"

bool build_session_has_script(const struct spec *spec, enum plan_step step)
{
    return step == PLAN_RUN ? spec_has_run(spec) : plan_step_text(spec, step) != NULL;
}

void build_session_plan(const struct build_session *session, const struct spec *spec,
                        struct plan *ret)
{
    static char nothing[] = "";
    struct spec with_step = *spec;
    enum plan_step step = session->step;

    if (!build_session_has_script(spec, step))
        *(step >= PLAN_HOOK  ? &with_step.hooks[step - PLAN_HOOK]
          : step == PLAN_RUN ? &with_step.run.text
                             : &with_step.run_as_root) = nothing;
    plan_make(&with_step, ret);
}

/* Where the view of STEP has its script. */
static const char *script_folder(enum plan_step step)
{
    return step >= PLAN_HOOK ? GUEST_JOB_DIR : GUEST_JOB_VIEW_DIR;
}

/* Tells where the shell is. */
static void locate(enum plan_step step, const char *text)
{
    const char *name = plan_step_name(step);

    if (text != NULL && (step != PLAN_RUN || strncmp(text, "#!", 2) == 0))
        progress_note("this shell sees what '%s' sees; its script is %s/%s", name,
                      script_folder(step), name);
    else
        progress_note("this shell sees what '%s' sees", name);
}

/* Tells a user at a terminal where the shell is, and what becomes of what it does. */
static void introduce(const struct build_session *session, const struct spec *spec)
{
    if (build_session_has_script(spec, session->step))
        locate(session->step, plan_step_text(spec, session->step));
    else
        progress_note("this shell sees what '%s' would see", plan_step_name(session->step));
    progress_note("what it changes is %s; Ctrl-] three times ends the VM",
                  session->is_stored ? "the layer of the image" : "thrown away");
}

struct error *build_session_run(const struct build_session *session, const struct spec *spec,
                                struct vm *vm)
{
    const struct strings *command = &session->vm.command;

    if (session->vm.terminal != NULL)
        introduce(session, spec);
    TRY(vm_run_session(vm, &session->vm, session->status));
    if (session->is_stored && command->count > 0 && *session->status != 0)
        return error_new(EXIT_SCRIPT,
                         "run command '%s': it exited with status %d; nothing is stored",
                         command->items[0], *session->status);
    return NULL;
}

/* Opens the shell. *RET_STATUS is its exit status. */
static struct error *open_shell(enum plan_step step, const char *terminal, struct vm *vm,
                                int *ret_status)
{
    CLEANUP(freep) char *kind = xstrdup(terminal);
    const struct vm_session session = {.is_of_hook = step >= PLAN_HOOK,
                                       .hook = (enum guest_hook)(step - PLAN_HOOK),
                                       .terminal = kind,
                                       .has_input = true};

    return vm_run_session(vm, &session, ret_status);
}

void build_session_after_failure(const struct spec *spec, enum plan_step step, const char *terminal,
                                 const struct error *err, struct vm *vm, bool *ret_again)
{
    const char *name = plan_step_name(step);
    int status = 0;

    progress_note("%s", err->message);
    locate(step, plan_step_text(spec, step));
    progress_note("'exit 0' runs the script again, as it is there now; 'exit 1' ends the build");
    struct error *shell_err = open_shell(step, terminal, vm, &status);

    *ret_again = shell_err == NULL && status == 0;
    if (*ret_again)
        progress_note("running '%s' again: the image will hold what was done by hand", name);
    if (shell_err != NULL)
        progress_note("%s", shell_err->message);
    error_free(shell_err);
}
