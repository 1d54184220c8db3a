/* What ARGs are worth. */
#include "host/dockerfile/conversion_state.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* The architecture and its variant, of which "arm/v7" has both. */
static void set_platform(struct conversion *conversion, const char *prefix, const char *platform)
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

        variables_set(&conversion->globals, name, parts[i].value);
        free(parts[i].value);
    }
}

/* Returns the value of NAME from the command line; NULL: there is none. */
static const char *given(const struct conversion *conversion, const char *name)
{
    const struct strings *arguments = &conversion->options->arguments;
    size_t length = strlen(name);

    for (size_t i = arguments->count; i-- > 0;)
        if (strncmp(arguments->items[i], name, length) == 0 && arguments->items[i][length] == '=')
            return arguments->items[i] + length + 1;
    return NULL;
}

/* The ARGs before the first FROM. */
static struct error *define_globals(struct conversion *conversion,
                                    const struct instruction *instruction)
{
    for (size_t i = 0; i < instruction->assignments.count; i++) {
        const struct assignment *definition = &instruction->assignments.items[i];
        const char *value = given(conversion, definition->name);
        CLEANUP(freep) char *expanded = NULL;

        if (value == NULL && definition->value != NULL) {
            TRY(conversion_expand(conversion, NULL, definition->value, &expanded));
            value = expanded;
        }
        if (value != NULL)
            variables_set(&conversion->globals, definition->name, value);
    }
    return NULL;
}

struct error *conversion_define_globals(struct conversion *conversion, const char *target)
{
    struct variables *globals = &conversion->globals;

    set_platform(conversion, "BUILD", conversion->options->build_machine);
    set_platform(conversion, "TARGET", conversion->options->architecture);
    variables_set(globals, "TARGETSTAGE", target != NULL ? target : "default");
    for (size_t i = 0; i < globals->count; i++) {
        const char *value = given(conversion, globals->items[i].name);

        if (value != NULL)
            variables_set(globals, globals->items[i].name, value);
    }
    for (size_t i = 0; i < conversion->stages.definition_count; i++) {
        const struct instruction *instruction = &conversion->stages.definitions[i];

        conversion->line = instruction->first_line;
        TRY(conversion_locate(conversion, define_globals(conversion, instruction), instruction));
    }
    return NULL;
}

/* An ARG in a stage: the command line's value, or its own, or that of the one before the first
 * FROM. */
struct error *conversion_define(struct conversion *conversion, struct conversion_stage *stage,
                                const struct instruction *instruction)
{
    for (size_t i = 0; i < instruction->assignments.count; i++) {
        const struct assignment *definition = &instruction->assignments.items[i];
        const char *value = given(conversion, definition->name);
        CLEANUP(freep) char *expanded = NULL;

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
