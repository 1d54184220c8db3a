#include "host/dockerfile/conversion.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/dockerfile/check_file.h"
#include "host/dockerfile/conversion_state.h"
#include "host/dockerfile/instruction_flags.h"
#include "host/dockerfile/instruction_rules.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"

#define TRIGGERS_MAX 1000 /* of a base image */

/* What a syntax directive may name: this language, whatever its version. */
static bool is_known_syntax(const char *syntax)
{
    static const char *const known[] = {"docker/dockerfile", "docker/dockerfile-upstream",
                                        "docker.io/docker/dockerfile",
                                        "docker.io/docker/dockerfile-upstream"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = strlen(known[i]);

        if (strncmp(syntax, known[i], length) == 0 && strchr(":@ ", syntax[length]) != NULL)
            return true;
    }
    return false;
}

static struct error *check_syntax(const struct dockerfile *file)
{
    const char *syntax = file->directives.syntax;

    if (syntax == NULL || is_known_syntax(syntax))
        return NULL;
    return error_advise(
        error_new(EXIT_INPUT, "read '%s': the syntax '%.100s' is not known", file->name, syntax),
        "the directive has to name docker/dockerfile, or nothing");
}

/* Reads the directive `check`, or what the command line has in its place, as for BuildKit. */
static struct error *read_check(const struct conversion *conversion)
{
    const char *given = conversion_given(conversion, "BUILDKIT_DOCKERFILE_CHECK");

    return error_context(
        check_read(given != NULL ? given : conversion->file->directives.check, conversion->check),
        "read '%s'", conversion->file->name);
}

static struct error *do_instruction(struct conversion *conversion, size_t index,
                                    const struct instruction *instruction)
{
    switch (instruction->keyword) {
    case KEYWORD_ARG:
        return conversion_define(conversion, &conversion->states[index], instruction);
    case KEYWORD_RUN:
        return conversion_run(conversion, index, instruction);
    case KEYWORD_ADD:
    case KEYWORD_COPY:
        return conversion_copy(conversion, index, instruction);
    case KEYWORD_WORKDIR:
    case KEYWORD_ONBUILD:
        return conversion_set(conversion, index, instruction);
    default:
        strings_add(&conversion->states[index].configuring, instruction->text);
        return conversion_set(conversion, index, instruction);
    }
}

/* Converts INSTRUCTION of the stage INDEX, and gives what becomes of it its line. */
static struct error *do_located(struct conversion *conversion, size_t index,
                                const struct instruction *instruction)
{
    struct conversion_stage *stage = &conversion->states[index];

    conversion->line = instruction->first_line;
    TRY(conversion_locate(conversion, do_instruction(conversion, index, instruction), instruction));
    conversion_mark(conversion, stage->node);
    conversion_mark(conversion, stage->changes);
    return NULL;
}

/* Converts TRIGGER, an ONBUILD of the base, which errors locate at FROM. */
static struct error *do_trigger(struct conversion *conversion, size_t index, const char *trigger)
{
    CLEANUP(dockerfile_freep) struct dockerfile *file = NULL;

    TRY(dockerfile_parse("ONBUILD of the base image", trigger, strlen(trigger), &file));
    for (size_t i = 0; i < file->count; i++) {
        const struct instruction *instruction = &file->instructions[i];

        TRY(instruction_check(instruction));
        if (instruction->keyword == KEYWORD_FROM || instruction->keyword == KEYWORD_ONBUILD)
            return error_new(EXIT_INPUT, "%s cannot be a trigger",
                             keyword_name(instruction->keyword));
        TRY(conversion_context(conversion, do_instruction(conversion, index, instruction),
                               "ONBUILD %s", keyword_name(instruction->keyword)));
    }
    return NULL;
}

static struct error *do_triggers(struct conversion *conversion, size_t index,
                                 const struct strings *triggers)
{
    if (triggers->count > TRIGGERS_MAX)
        return error_new(EXIT_INPUT, "the base image has more than %d triggers", TRIGGERS_MAX);
    /* They are not for images that are based on this one. */
    if (triggers->count > 0)
        conversion_configure(&conversion->states[index], "OnBuild", json_null());
    for (size_t i = 0; i < triggers->count; i++)
        TRY(do_trigger(conversion, index, triggers->items[i]));
    return NULL;
}

/* Returns the variables of CONFIG, a list; the caller's. What is not text is none. */
static struct json *variables_of(const struct json *config)
{
    const struct json *environment = json_get(config, "Env");
    struct json *list = json_array();
    bool is_list = environment != NULL && environment->type == JSON_ARRAY;

    for (size_t i = 0; is_list && i < environment->count; i++)
        if (environment->items[i]->type == JSON_STRING)
            json_append(list, json_copy(environment->items[i]));
    return list;
}

/* Takes over what instructions find of CONFIG, that of the base. */
static void inherit(struct conversion_stage *stage, const struct json *config)
{
    struct json *environment = variables_of(config);
    const struct json *triggers = json_get(config, "OnBuild");

    for (size_t i = 0; i < config->count; i++)
        if (config->items[i]->type != JSON_NULL && strcmp(config->keys[i], "OnBuild") != 0)
            json_set(stage->config, config->keys[i], json_copy(config->items[i]));
    for (size_t i = 0; i < environment->count; i++)
        variables_assign(&stage->environment, environment->items[i]->text);
    json_set(stage->config, "Env", environment);
    variables_add(&stage->variables, &stage->environment);
    for (size_t i = 0; triggers != NULL && i < triggers->count; i++)
        if (triggers->items[i]->type == JSON_STRING)
            strings_add(&stage->triggers, triggers->items[i]->text);
}

/* Bases STAGE on BASE, another one. */
static void inherit_stage(struct conversion_stage *stage, const struct conversion_stage *base)
{
    json_free(stage->config);
    stage->config = json_copy(base->config);
    json_remove(stage->config, "OnBuild");
    stage->has_folder = base->has_folder;
    if (base->architecture != NULL) {
        free(stage->architecture);
        stage->architecture = xstrdup(base->architecture);
    }
    stage->author = base->author != NULL ? xstrdup(base->author) : NULL;
    for (size_t i = 0; i < base->declared.count; i++)
        strings_add(&stage->declared, base->declared.items[i]);
    variables_add(&stage->variables, &base->variables);
    variables_add(&stage->arguments, &base->arguments);
    variables_add(&stage->environment, &base->environment);
    for (size_t i = 0; i < base->own_triggers.count; i++)
        strings_add(&stage->triggers, base->own_triggers.items[i]);
}

/* Warns of FLAG, the --platform of STAGE's FROM, which is PLATFORM. */
static void check_platform(struct conversion *conversion, const struct conversion_stage *stage,
                           const char *flag, const char *platform)
{
    size_t length = strcspn(platform, "/");
    CLEANUP(freep) char *system = xstrndup(platform, length);
    CLEANUP(freep)
    char *machine = platform[length] == '/'
                        ? xstrndup(platform + length + 1, strcspn(platform + length + 1, "/"))
                        : xstrdup(platform);

    if (strcmp(flag, "$TARGETPLATFORM") == 0 || strcmp(flag, "${TARGETPLATFORM}") == 0)
        conversion_warn(conversion, CHECK_REDUNDANT_TARGET_PLATFORM,
                        "the platform is that of the build without the flag, too");
    if (strchr(flag, '$') == NULL && strstr(stage->name, system) == NULL &&
        strstr(stage->name, machine) == NULL)
        conversion_warn(conversion, CHECK_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
                        "the platform '%s' is fixed, whatever the build is for", flag);
}

/* Fixes the ARCHITECTURE of STAGE, unless it is that of this machine and of the image. */
static void fix_architecture(const struct conversion *conversion, struct conversion_stage *stage,
                             const char *architecture)
{
    const struct conversion_options *options = conversion->options;

    if (strcmp(architecture, options->architecture) != 0 ||
        strcmp(architecture, options->build_machine) != 0)
        stage->architecture = xstrdup(architecture);
}

/* Reads --platform of FROM. */
static struct error *read_platform(struct conversion *conversion, struct conversion_stage *stage,
                                   const struct instruction *from)
{
    const char *flag = instruction_flag(from, "platform");
    CLEANUP(freep) char *platform = NULL;

    if (flag == NULL) {
        fix_architecture(conversion, stage, conversion->options->architecture);
        return NULL;
    }
    TRY(conversion_expand(conversion, NULL, flag, &platform));
    if (*platform == '\0')
        return error_new(EXIT_INPUT, "the platform '%.100s' is empty", flag);
    check_platform(conversion, stage, flag, platform);
    if (strcasecmp(platform, "linux") == 0) {
        fix_architecture(conversion, stage, conversion->options->architecture);
        return NULL;
    }
    bool is_named = strncasecmp(platform, "linux/", 6) == 0;
    CLEANUP(freep) char *architecture = xstrdup(is_named ? platform + 6 : platform);

    if (!is_named && strchr(platform, '/') != NULL && strncasecmp(platform, "arm/", 4) != 0)
        return error_new(EXIT_INPUT, "the platform '%.100s' is not Linux", platform);
    if (conversion->options->read_platform != NULL) {
        char *known = NULL;

        TRY(conversion->options->read_platform(architecture, &known));
        free(architecture);
        architecture = known;
    }
    fix_architecture(conversion, stage, architecture);
    return NULL;
}

/* Reads the config of the image that STAGE is based on, which its FROM calls NAME. */
static struct error *read_image(struct conversion *conversion, struct conversion_stage *stage,
                                const char *name)
{
    const char *architecture =
        stage->architecture != NULL ? stage->architecture : conversion->options->architecture;
    CLEANUP(json_freep) struct json *config = NULL;
    CLEANUP(freep) char *other = NULL;

    TRY(conversion->config(conversion->context, stage->from->text, architecture, &config, &other));
    if (other != NULL)
        conversion_warn(conversion, CHECK_INVALID_BASE_IMAGE_PLATFORM,
                        "the base image '%s' is for '%s', and the build for 'linux/%s'", name,
                        other, architecture);
    inherit(stage, config);
    return NULL;
}

/* Reads what FROM names. */
static struct error *read_base(struct conversion *conversion, size_t index)
{
    struct conversion_stage *stage = &conversion->states[index];
    const struct stage *source = &conversion->stages.items[index];
    CLEANUP(freep) char *base = NULL;
    size_t found = STAGE_NONE;

    TRY(conversion_expand(conversion, NULL, source->base, &base));
    if (*base == '\0')
        return error_new(EXIT_INPUT, "the image '%.100s' is empty", source->base);
    TRY(read_platform(conversion, stage, source->from));
    if (strcmp(base, "scratch") == 0) {
        conversion_configure(stage, "WorkingDir", json_string("/"));
        return NULL;
    }
    TRY(conversion_find_image(conversion, base, index, &stage->from, &found));
    conversion->line = source->from->first_line;
    if (found != STAGE_NONE) {
        inherit_stage(stage, &conversion->states[found]);
        return NULL;
    }
    return read_image(conversion, stage, base);
}

static struct error *begin_stage(struct conversion *conversion, size_t index)
{
    struct conversion_stage *stage = &conversion->states[index];
    const char *name = conversion->stages.items[index].name;

    stage->name = name != NULL ? xstrdup(name) : xasprintf("stage-%zu", index);
    stage->config = json_object();
    conversion->line = conversion->stages.items[index].from->first_line;
    TRY(read_base(conversion, index));
    /* Docker sets PATH in each image. */
    if (variables_get(&stage->environment, "PATH") == NULL)
        conversion_set_variable(stage, "PATH",
                                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    return do_triggers(conversion, index, &stage->triggers);
}

static struct error *do_instructions(struct conversion *conversion, size_t index)
{
    const struct stage *source = &conversion->stages.items[index];

    TRY(conversion_locate(conversion, begin_stage(conversion, index), source->from));
    for (size_t i = 0; i < source->count; i++)
        TRY(do_located(conversion, index, &source->instructions[i]));
    return NULL;
}

struct error *conversion_do_stage(struct conversion *conversion, size_t index)
{
    struct conversion_stage *stage = &conversion->states[index];
    unsigned int line = conversion->line;

    if (stage->is_done)
        return NULL;
    TRY(do_instructions(conversion, index));
    conversion_end_stage(conversion, stage);
    stage->is_done = true;
    conversion->line = line;
    return NULL;
}

static struct error *find_target(const struct conversion *conversion, size_t *ret)
{
    const char *target = conversion->options->target;
    size_t count = conversion->stages.count;

    *ret = target != NULL ? stages_find(&conversion->stages, target, count) : count - 1;
    if (*ret != STAGE_NONE)
        return NULL;
    CLEANUP(freep) const char **names = xcalloc(count, sizeof *names);
    size_t named = 0;

    for (size_t i = 0; i < count; i++)
        if (conversion->stages.items[i].name != NULL)
            names[named++] = conversion->stages.items[i].name;
    const char *nearest = nearest_word(target, names, sizeof *names, named);
    struct error *err =
        error_new(EXIT_USAGE, "'%s' has no stage '%.100s'", conversion->file->name, target);

    return nearest != NULL ? error_advise(err, "did you mean '%s'?", nearest) : err;
}

static void stage_free(struct conversion_stage *stage)
{
    free(stage->name);
    free(stage->architecture);
    variables_free(&stage->variables);
    variables_free(&stage->arguments);
    variables_free(&stage->environment);
    json_free(stage->config);
    json_free(stage->changes);
    json_free(stage->from);
    json_free(stage->node);
    strings_free(&stage->triggers);
    strings_free(&stage->own_triggers);
    strings_free(&stage->declared);
    strings_free(&stage->configuring);
    free(stage->author);
}

static void conversion_free(struct conversion *conversion)
{
    for (size_t i = 0; conversion->states != NULL && i < conversion->stages.count; i++)
        stage_free(&conversion->states[i]);
    free(conversion->states);
    stages_free(&conversion->stages);
    variables_free(&conversion->globals);
    free(conversion->created);
    json_free(conversion->images);
}

/* Converts the stage TARGET, and names its image. */
static struct error *do_target(struct conversion *conversion, size_t target)
{
    const struct conversion_options *options = conversion->options;
    const struct conversion_stage *stage = &conversion->states[target];

    check_file(conversion->file, &conversion->stages, conversion->check);
    TRY(conversion_define_globals(conversion, conversion->stages.items[target].name));
    conversion_check_bases(conversion);
    TRY(conversion_do_stage(conversion, target));
    const char *name = json_get_string(stage->from, "use");

    if (options->is_squashed)
        conversion_squash(conversion, stage, name);
    struct json *node = json_get(conversion->images, name);

    if (options->name != NULL)
        json_set(node, "name", json_string(options->name));
    if (options->tag != NULL)
        json_set(node, "tag", json_string(options->tag));
    return NULL;
}

struct error *conversion_make(const struct dockerfile *file,
                              const struct conversion_options *options, conversion_config config,
                              void *context, struct conversion_result *ret)
{
    struct conversion_result result = {0};
    CLEANUP(conversion_free)
    struct conversion conversion = {
        .file = file,
        .options = options,
        .config = config,
        .context = context,
        .images = json_object(),
        .check = &result.check,
    };
    size_t target = 0;

    TRY(check_syntax(file));
    TRY(stages_make(file, &conversion.stages));
    conversion.states = xcalloc(conversion.stages.count, sizeof *conversion.states);
    TRY(find_target(&conversion, &target));
    struct error *err = read_check(&conversion);

    if (err == NULL)
        err = do_target(&conversion, target);
    if (err != NULL) {
        conversion_result_free(&result);
        return err;
    }
    check_sort(&result.check);
    result.spec = json_object();
    json_set(result.spec, "images", STEAL(conversion.images));
    conversion_mark(&conversion, result.spec);
    *ret = result;
    return NULL;
}

void conversion_result_free(struct conversion_result *result)
{
    json_free(result->spec);
    check_free(&result->check);
    *result = (struct conversion_result){0};
}
