#include "host/build/build_session.h"

#include "host/lib/progress.h"

bool build_session_has_script(const struct spec *spec, enum plan_step step)
{
    return (step >= PLAN_HOOK ? spec->hooks[step - PLAN_HOOK] : spec->run_as_root) != NULL;
}

void build_session_plan(const struct build_session *session, const struct spec *spec,
                        struct plan *ret)
{
    static char nothing[] = "";
    struct spec with_step = *spec;
    enum plan_step step = session->step;

    if (!build_session_has_script(spec, step))
        *(step >= PLAN_HOOK ? &with_step.hooks[step - PLAN_HOOK] : &with_step.run_as_root) =
            nothing;
    plan_make(&with_step, ret);
}

/* Tells a user at a terminal where the shell is. */
static void introduce(const struct build_session *session, const struct spec *spec)
{
    const char *name = plan_step_name(session->step);
    const char *folder = session->step >= PLAN_HOOK ? GUEST_JOB_DIR : GUEST_JOB_VIEW_DIR;

    if (build_session_has_script(spec, session->step))
        progress_note("this shell sees what '%s' sees; its script is %s/%s", name, folder, name);
    else
        progress_note("this shell sees what '%s' would see", name);
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
