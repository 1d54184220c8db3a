#include "host/build/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define BUILDER_PATH "/bin:/sbin:/usr/bin:/usr/sbin"

const char *plan_step_name(enum plan_step step)
{
    static const char *const names[] = {
        [PLAN_UNPACK] = "unpack", [PLAN_CONTENTS] = "contents",
        [PLAN_MOUNT] = "mount",   [PLAN_RUN_AS_ROOT] = "runAsRoot",
        [PLAN_RUN] = "run",       [PLAN_UNMOUNT] = "unmount",
        [PLAN_PACK] = "pack",
    };

    return step < PLAN_HOOK ? names[step] : guest_hooks[step - PLAN_HOOK].name;
}

bool plan_step_is_in_image(enum plan_step step)
{
    return step == PLAN_RUN_AS_ROOT || step == PLAN_RUN;
}

bool plan_step_is_script(enum plan_step step)
{
    return step >= PLAN_HOOK || plan_step_is_in_image(step);
}

const char *plan_step_text(const struct spec *spec, enum plan_step step)
{
    if (step >= PLAN_HOOK)
        return spec->hooks[step - PLAN_HOOK];
    if (step == PLAN_RUN)
        return spec->run.text;
    return step == PLAN_RUN_AS_ROOT ? spec->run_as_root : NULL;
}

static void add_step(struct plan *plan, bool needed, enum plan_step step)
{
    if (needed)
        plan->steps[plan->step_count++] = step;
}

static void add_hook(struct plan *plan, const struct spec *spec, enum guest_hook hook)
{
    add_step(plan, spec->hooks[hook] != NULL, (enum plan_step)(PLAN_HOOK + hook));
}

void plan_make(const struct spec *spec, struct plan *ret)
{
    bool has_contents = spec->contents.count > 0 || spec->closure.count > 0;
    bool has_run = spec_has_run(spec);
    bool has_script = spec->run_as_root != NULL || (spec->shadow_setup && !has_run);
    char *const *hooks = spec->hooks;
    bool needs_overlay = has_script || has_run || hooks[GUEST_HOOK_PRE_MOUNT] != NULL ||
                         hooks[GUEST_HOOK_POST_MOUNT] != NULL ||
                         hooks[GUEST_HOOK_POST_UMOUNT] != NULL;

    *ret = (struct plan){.needs_vm = needs_overlay || hooks[GUEST_HOOK_EXTRA_COMMANDS] != NULL};
    ret->needs_base = ret->needs_vm && spec->from_image.name != NULL;
    add_step(ret, ret->needs_base, PLAN_UNPACK);
    add_step(ret, has_contents, PLAN_CONTENTS);
    add_hook(ret, spec, GUEST_HOOK_PRE_MOUNT);
    add_step(ret, needs_overlay, PLAN_MOUNT);
    add_step(ret, has_script, PLAN_RUN_AS_ROOT);
    add_step(ret, has_run, PLAN_RUN);
    add_hook(ret, spec, GUEST_HOOK_POST_MOUNT);
    add_step(ret, needs_overlay, PLAN_UNMOUNT);
    add_hook(ret, spec, GUEST_HOOK_POST_UMOUNT);
    add_hook(ret, spec, GUEST_HOOK_EXTRA_COMMANDS);
    add_step(ret, ret->needs_vm, PLAN_PACK);
}

/* Sets NAME in the list of NAME=VALUE, in place or at the end. */
static void set_variable(struct strings *list, const char *name, size_t name_length,
                         const char *value)
{
    char *assignment = xasprintf("%.*s=%s", (int)name_length, name, value);

    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->items[i], assignment, name_length + 1) == 0) {
            free(list->items[i]);
            list->items[i] = assignment;
            return;
        }
    }
    strings_take(list, assignment);
}

static bool has_variable(const struct strings *list, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->items[i], name, length) == 0 && list->items[i][length] == '=')
            return true;
    return false;
}

static void set_default(struct strings *list, const char *name, const char *value)
{
    if (!has_variable(list, name))
        set_variable(list, name, strlen(name), value);
}

/* The Env of CONFIG. Entries that are not NAME=VALUE are left out: for Docker they have no
 * effect. */
static void add_image_environment(struct strings *list, const struct json *config)
{
    const struct json *environment = json_get(config, "Env");

    if (environment == NULL || environment->type != JSON_ARRAY)
        return;
    for (size_t i = 0; i < environment->count; i++) {
        const char *text = environment->items[i]->text;
        const char *equals = text != NULL ? strchr(text, '=') : NULL;

        if (equals != NULL && equals != text)
            set_variable(list, text, (size_t)(equals - text), equals + 1);
    }
}

/* The variables of `env`, in the order of their names: one spec is the same as another whose
 * members have another order, and scripts can see that of their environment. */
static void add_env(struct strings *list, const struct spec *spec)
{
    CLEANUP(json_freep) struct json *env = spec->env != NULL ? json_copy(spec->env) : json_object();

    json_sort(env);
    for (size_t i = 0; i < env->count; i++)
        set_variable(list, env->keys[i], strlen(env->keys[i]), env->items[i]->text);
}

/* The same for those of --env. */
static void add_variables(struct strings *list, const struct spec *spec)
{
    CLEANUP(strings_free) struct strings sorted = {0};

    for (size_t i = 0; i < spec->variables.count; i++)
        strings_add(&sorted, spec->variables.items[i]);
    strings_sort(&sorted);
    for (size_t i = 0; i < sorted.count; i++) {
        const char *variable = sorted.items[i], *equals = strchr(variable, '=');

        set_variable(list, variable, (size_t)(equals - variable), equals + 1);
    }
}

/* The same, with SOURCE_DATE_EPOCH, if HAS_EPOCH. */
static void add_spec_environment(struct strings *list, const struct spec *spec, bool has_epoch)
{
    add_env(list, spec);
    CLEANUP(freep) char *epoch = xasprintf("%" PRId64, spec->created);

    /* A base image may bring one, which is the time of its own build. */
    if (has_epoch && json_get(spec->env, "SOURCE_DATE_EPOCH") == NULL)
        set_variable(list, "SOURCE_DATE_EPOCH", strlen("SOURCE_DATE_EPOCH"), epoch);
    add_variables(list, spec);
}

/* Appends LIST in the form that the guest reads, and frees it. */
static void write_environment(struct strings *list, struct buffer *out)
{
    for (size_t i = 0; i < list->count; i++)
        buffer_append(out, list->items[i], strlen(list->items[i]) + 1);
    strings_free(list);
}

void plan_environment(const struct spec *spec, const struct json *base_config, struct buffer *out)
{
    struct strings list = {0};

    add_image_environment(&list, json_get(base_config, "config"));
    add_spec_environment(&list, spec, true);
    set_default(&list, "PATH", DEFAULT_PATH);
    set_default(&list, "HOME", "/root");
    write_environment(&list, out);
}

void plan_container_environment(const struct spec *spec, const struct json *container,
                                struct buffer *out)
{
    struct strings list = {0};

    add_image_environment(&list, container);
    add_spec_environment(&list, spec, spec->created != SPEC_CREATED_DEFAULT);
    set_default(&list, "PATH", DEFAULT_PATH);
    write_environment(&list, out);
}

void plan_builder_environment(const struct spec *spec, struct buffer *out)
{
    struct strings list = {0};

    add_spec_environment(&list, spec, true);
    set_default(&list, "PATH", BUILDER_PATH);
    set_default(&list, "HOME", "/root");
    write_environment(&list, out);
}

static struct json *describe_part(const struct spec *spec, enum spec_part part)
{
    struct json *description = json_object();

    spec_describe(spec, part, description);
    return description;
}

struct json *plan_describe(const struct plan *plan, const struct spec *spec)
{
    struct json *description = describe_part(spec, SPEC_PART_IMAGE);
    struct json *steps = json_array();

    for (size_t i = 0; i < plan->step_count; i++)
        json_append(steps, json_string(plan_step_name(plan->steps[i])));
    json_set(description, "vm", plan->needs_vm ? describe_part(spec, SPEC_PART_VM) : json_null());
    json_set(description, "steps", steps);
    return description;
}
