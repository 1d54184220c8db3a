/*
 * The plan: what a build will do, decided from the spec alone. Pure; shown by --dry-run.
 */
#ifndef VMBUILD_PLAN_H
#define VMBUILD_PLAN_H

#include "host/lib/json.h"
#include "host/spec/spec.h"

enum step {
    STEP_UNPACK, /* base layers onto the base disk, where the cache has none */
    STEP_CONTENTS,
    STEP_PRE_MOUNT,
    STEP_MOUNT,
    STEP_RUN_AS_ROOT,
    STEP_POST_MOUNT,
    STEP_UNMOUNT,
    STEP_POST_UMOUNT,
    STEP_EXTRA_COMMANDS,
    STEP_PACK,
    STEP_COUNT,
};

struct plan {
    bool needs_vm;
    bool needs_base;             /* the base's files, in the guest; not only its layers */
    enum step steps[STEP_COUNT]; /* in order; only those that the spec needs */
    size_t step_count;
};

/* Decides what a build of SPEC does. */
void plan_make(const struct spec *spec, struct plan *ret);

/* "runAsRoot", "preMount", ... as users know the step. */
const char *step_name(enum step step);

/* The environment of runAsRoot: the base's Env (image config, NULL: none), then the spec's, with
 * SOURCE_DATE_EPOCH, a usable PATH, HOME=/root where not set. As GUEST_JOB_ENVIRONMENT is written.
 */
void plan_environment(const struct spec *spec, const struct json *base_config, struct buffer *out);

/* The environment of hooks and extraCommands: the builder's PATH, HOME, SOURCE_DATE_EPOCH and the
 * spec's. */
void plan_builder_environment(const struct spec *spec, struct buffer *out);

/* The plan as JSON for --dry-run. The caller's. */
struct json *plan_describe(const struct plan *plan, const struct spec *spec);

#endif
