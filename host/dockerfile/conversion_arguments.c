/* What ARGs are worth. */
#include "host/dockerfile/conversion_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/rfc3339.h"

#define EPOCH_MAX INT64_C(253402300799) /* the end of the year 9999 */
#define EPOCH_DIGITS_MAX 12

/* The architecture and its variant, of which "arm/v7" has both. */
static void set_platform(struct variables *globals, const char *prefix, const char *platform)
{
    const struct {
        const char *name;
        char *value;
    } parts[] = {
        {"PLATFORM", xasprintf("linux/%s", platform)},
        {"OS", xstrdup("linux")},
        {"OSVERSION", xstrdup("")},
        {"ARCH", xstrndup(platform, strcspn(platform, "/"))},
        {"VARIANT", xstrdup(strchr(platform, '/') != NULL ? strchr(platform, '/') + 1 : "")},
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        CLEANUP(freep) char *name = xasprintf("%s%s", prefix, parts[i].name);

        variables_set(globals, name, parts[i].value);
        free(parts[i].value);
    }
}

const char *conversion_given(const struct conversion *conversion, const char *name)
{
    const struct strings *arguments = &conversion->options->arguments;
    size_t length = strlen(name);

    for (size_t i = arguments->count; i-- > 0;)
        if (strncmp(arguments->items[i], name, length) == 0 && arguments->items[i][length] == '=')
            return arguments->items[i] + length + 1;
    return NULL;
}

/* The ARGs before the first FROM, added to GLOBALS. */
static struct error *define_globals(const struct conversion *conversion,
                                    const struct instruction *instruction, bool uses_defaults,
                                    struct variables *globals)
{
    for (size_t i = 0; i < instruction->assignments.count; i++) {
        const struct assignment *definition = &instruction->assignments.items[i];
        const char *value = uses_defaults ? NULL : conversion_given(conversion, definition->name);
        CLEANUP(freep) char *expanded = NULL;

        if (value == NULL && definition->value != NULL) {
            TRY(conversion_expand_global(conversion, globals, definition->value, &expanded));
            value = expanded;
        }
        if (value != NULL)
            variables_set(globals, definition->name, value);
    }
    return NULL;
}

/* Whether TEXT could be the name of an image. */
static bool is_image_name(const char *text)
{
    static const char *const mistakes[] = {"::", ":/", ":@", "//", "/:", "/@", "@:", " "};
    size_t length = strlen(text);

    if (length == 0 || strchr(":/@-.", *text) != NULL || strchr(":/@", text[length - 1]) != NULL)
        return false;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        if (strstr(text, mistakes[i]) != NULL)
            return false;
    return true;
}

void conversion_check_bases(struct conversion *conversion)
{
    CLEANUP(variables_free) struct variables defaults = {0};

    set_platform(&defaults, "BUILD", conversion->options->build_machine);
    set_platform(&defaults, "TARGET", conversion->options->architecture);
    for (size_t i = 0; i < conversion->stages.definition_count; i++)
        error_free(define_globals(conversion, &conversion->stages.definitions[i], true, &defaults));
    for (size_t i = 0; i < conversion->stages.count; i++) {
        const struct stage *stage = &conversion->stages.items[i];
        CLEANUP(freep) char *base = NULL;
        CLEANUP(error_freep)
        struct error *err = conversion_expand_global(conversion, &defaults, stage->base, &base);

        conversion->line = stage->from->first_line;
        if (err == NULL && !is_image_name(base))
            conversion_warn(conversion, CHECK_INVALID_DEFAULT_ARG_IN_FROM,
                            "without --build-arg, '%s' is '%s', which names no image", stage->base,
                            base);
    }
}

/* Reads SOURCE_DATE_EPOCH of the command line, or else of an ARG: the time of all images. */
static struct error *read_epoch(struct conversion *conversion)
{
    const char *text = conversion_given(conversion, "SOURCE_DATE_EPOCH");

    if (text == NULL)
        text = variables_get(&conversion->globals, "SOURCE_DATE_EPOCH");
    if (text == NULL || *text == '\0')
        return NULL;
    if (text[strspn(text, "0123456789")] != '\0' || strlen(text) > EPOCH_DIGITS_MAX ||
        strtoll(text, NULL, 10) > EPOCH_MAX)
        return error_new(EXIT_INPUT,
                         "read '%s': the ARG SOURCE_DATE_EPOCH must be a whole number of seconds "
                         "between 0 and %" PRId64 ", not '%.40s'",
                         conversion->file->name, EPOCH_MAX, text);
    conversion->created = rfc3339_format(strtoll(text, NULL, 10));
    return NULL;
}

struct error *conversion_define_globals(struct conversion *conversion, const char *target)
{
    struct variables *globals = &conversion->globals;

    set_platform(globals, "BUILD", conversion->options->build_machine);
    set_platform(globals, "TARGET", conversion->options->architecture);
    variables_set(globals, "TARGETSTAGE", target != NULL ? target : "default");
    for (size_t i = 0; i < globals->count; i++) {
        const char *value = conversion_given(conversion, globals->items[i].name);

        if (value != NULL)
            variables_set(globals, globals->items[i].name, value);
    }
    for (size_t i = 0; i < conversion->stages.definition_count; i++) {
        const struct instruction *instruction = &conversion->stages.definitions[i];

        conversion->line = instruction->first_line;
        TRY(conversion_locate(conversion, define_globals(conversion, instruction, false, globals),
                              instruction));
    }
    return read_epoch(conversion);
}

/* An ARG in a stage: the command line's value, or its own, or that of the one before the first
 * FROM. */
struct error *conversion_define(struct conversion *conversion, struct conversion_stage *stage,
                                const struct instruction *instruction)
{
    for (size_t i = 0; i < instruction->assignments.count; i++) {
        const struct assignment *definition = &instruction->assignments.items[i];
        const char *value = conversion_given(conversion, definition->name);
        CLEANUP(freep) char *expanded = NULL;

        strings_add(&stage->declared, definition->name);
        if (value == NULL && definition->value == NULL)
            value = variables_get(&conversion->globals, definition->name);
        if (value == NULL && definition->value != NULL) {
            TRY(conversion_expand(conversion, stage, definition->value, &expanded));
            value = expanded;
        }
        if (value == NULL)
            continue;
        variables_set(&stage->variables, definition->name, value);
        variables_set(&stage->arguments, definition->name, value);
    }
    return NULL;
}
