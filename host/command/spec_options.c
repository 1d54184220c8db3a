#include "host/command/spec_options.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/spec/spec_mount.h"
#include "host/spec/spec_secret.h"

/* Adds ASSIGNMENT, NAME=VALUE, which is taken over; an earlier one of the same name goes. */
static void set_variable(struct strings *variables, char *assignment)
{
    size_t length = strcspn(assignment, "=") + 1;

    for (size_t i = 0; i < variables->count; i++)
        if (strncmp(variables->items[i], assignment, length) == 0) {
            free(variables->items[i]);
            variables->items[i] = assignment;
            return;
        }
    strings_take(variables, assignment);
}

static struct error *add_variable(const char *text, struct strings *variables)
{
    if (*text == '\0' || *text == '=')
        return error_new(EXIT_USAGE, "read option '--env': '%s' must be NAME or NAME=VALUE", text);
    if (strchr(text, '=') != NULL) {
        set_variable(variables, xstrdup(text));
        return NULL;
    }
    const char *value = getenv(text);

    if (value == NULL)
        return error_advise(
            error_new(EXIT_INPUT, "read option '--env': the variable '%s' is not set", text),
            "export it, or give a value with --env %s=VALUE", text);
    set_variable(variables, xasprintf("%s=%s", text, value));
    return NULL;
}

struct error *spec_options_apply(const struct options *options, const struct strings *mounted,
                                 struct spec *spec)
{
    for (size_t i = 0; i < options->secrets.count; i++)
        TRY(spec_secrets_give(&spec->secrets, options->secrets.items[i], mounted));
    for (size_t i = 0; i < options->variables.count; i++)
        TRY(add_variable(options->variables.items[i], &spec->variables));
    return NULL;
}

struct error *spec_options_apply_all(const struct options *options, const struct spec_graph *graph)
{
    CLEANUP(strings_free) struct strings mounted = {0};

    for (size_t i = 0; i < graph->count; i++)
        if (graph->nodes[i]->spec != NULL) /* else nothing needs it */
            spec_mounts_name_secrets(&graph->nodes[i]->spec->mounts, &mounted);
    for (size_t i = 0; i < graph->count; i++)
        if (graph->nodes[i]->is_needed && graph->nodes[i]->spec != NULL)
            TRY(spec_options_apply(options, &mounted, graph->nodes[i]->spec));
    return NULL;
}
