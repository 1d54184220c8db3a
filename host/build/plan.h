/*
 * The plan: what a build will do, decided from the spec alone. Pure; shown by --dry-run.
 */
#ifndef VMBUILD_PLAN_H
#define VMBUILD_PLAN_H

#include "guest/contract.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"

enum plan_step {
    PLAN_UNPACK, /* base layers onto the base disk, if the cache has none */
    PLAN_CONTENTS,
    PLAN_MOUNT,
    PLAN_RUN_AS_ROOT,
    PLAN_RUN,
    PLAN_UNMOUNT,
    PLAN_PACK,
    PLAN_HOOK, /* the first; PLAN_HOOK + GUEST_HOOK_POST_MOUNT is that one */
    PLAN_STEP_COUNT = PLAN_HOOK + GUEST_HOOK_COUNT,
};

struct plan {
    bool needs_vm;
    bool needs_base;                       /* the base's files, in the guest; not only its layers */
    enum plan_step steps[PLAN_STEP_COUNT]; /* in order; only those that the spec needs */
    size_t step_count;
};

/* Decides what a build of SPEC does. */
void plan_make(const struct spec *spec, struct plan *ret);

/* Whether STEP runs something of the spec's, and whether that sees the image as its root. */
bool plan_step_is_script(enum plan_step step);
bool plan_step_is_in_image(enum plan_step step);

/* Returns the text of what STEP runs of SPEC; NULL if it runs nothing, or a list of words.
 * Borrowed. */
const char *plan_step_text(const struct spec *spec, enum plan_step step);

/* Returns the name by which users know STEP: "runAsRoot", "preMount", ... Static. */
const char *plan_step_name(enum plan_step step);

/* Appends the environment of runAsRoot: the base's Env (BASE_CONFIG is the image config, or NULL),
 * over that the spec's and SOURCE_DATE_EPOCH, and a usable PATH and HOME=/root if not set. In the
 * form of GUEST_JOB_ENVIRONMENT. */
void plan_environment(const struct spec *spec, const struct json *base_config, struct buffer *out);

/* Appends the environment of `run`: the Env of CONTAINER, the `config` of the image that is made,
 * and over that the spec's, and a usable PATH if there is none. SOURCE_DATE_EPOCH is the spec's
 * creation time, unless nothing gave one. The guest knows HOME. */
void plan_container_environment(const struct spec *spec, const struct json *container,
                                struct buffer *out);

/* Appends the environment of hooks and extraCommands: the spec's and SOURCE_DATE_EPOCH, and the
 * builder's PATH and HOME=/root if not set. */
void plan_builder_environment(const struct spec *spec, struct buffer *out);

/* Returns the plan as JSON for --dry-run, the caller's: each key of SPEC that has an effect, those
 * of the VM below "vm" (null if none is needed), and the steps, which stand for the scripts. */
struct json *plan_describe(const struct plan *plan, const struct spec *spec);

#endif
