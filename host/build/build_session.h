/*
 * A session of the user's in the VM of a build: a shell or a command at one of its steps, in
 * exactly the view that the script of that step has. The steps before it are carried out as in any
 * build, those after it are not. What it leaves in the layer is thrown away, or becomes that of the
 * image.
 */
#ifndef VMBUILD_BUILD_SESSION_H
#define VMBUILD_BUILD_SESSION_H

#include <stdbool.h>

#include "host/build/plan.h"
#include "host/lib/error.h"
#include "host/spec/spec.h"
#include "host/vm/vm.h"

struct build_session {
    enum plan_step step; /* a script (plan_step_is_script) */
    bool is_after;       /* the step itself is carried out first */
    bool is_stored;      /* the image is written */
    bool keeps_name;     /* that of the base image, if it has one */
    struct vm_session vm;
    int *status; /* where its exit status goes */
};

/* Whether SPEC has a script for STEP. */
bool build_session_has_script(const struct spec *spec, enum plan_step step);

/* Makes the plan of a build of SPEC with SESSION, whose step is part of it even if SPEC has no such
 * script. */
void build_session_plan(const struct build_session *session, const struct spec *spec,
                        struct plan *ret);

/* Runs it in VM. Errors: those of vm_run_session; EXIT_SCRIPT if a command whose image is to be
 * written has failed. */
[[nodiscard]] struct error *build_session_run(const struct build_session *session,
                                              const struct spec *spec, struct vm *vm);

/* After the script of STEP of SPEC has failed by ERR: shows that and opens a shell in its view, on
 * the user's terminal of the kind TERMINAL. *RET_AGAIN: whether the script is to be run again, as
 * the shell has left it. If the VM has ended, no shell is opened. */
void build_session_after_failure(const struct spec *spec, enum plan_step step, const char *terminal,
                                 const struct error *err, struct vm *vm, bool *ret_again);

#endif
