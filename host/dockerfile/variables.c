#include "host/dockerfile/variables.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static struct variable *find(const struct variables *variables, const char *name)
{
    for (size_t i = 0; i < variables->count; i++)
        if (strcmp(variables->items[i].name, name) == 0)
            return &variables->items[i];
    return NULL;
}

void variables_set(struct variables *variables, const char *name, const char *value)
{
    struct variable *variable = find(variables, name);

    if (variable != NULL) {
        char *old = variable->value; /* VALUE may be it */

        variable->value = xstrdup(value);
        free(old);
        return;
    }
    variables->items =
        xreallocarray(variables->items, variables->count + 1, sizeof *variables->items);
    variables->items[variables->count++] = (struct variable){xstrdup(name), xstrdup(value)};
}

void variables_assign(struct variables *variables, const char *assignment)
{
    size_t length = strcspn(assignment, "=");
    CLEANUP(freep) char *name = xstrndup(assignment, length);

    variables_set(variables, name, assignment + length + (assignment[length] == '=' ? 1 : 0));
}

const char *variables_get(const struct variables *variables, const char *name)
{
    const struct variable *variable = find(variables, name);

    return variable != NULL ? variable->value : NULL;
}

void variables_add(struct variables *variables, const struct variables *from)
{
    for (size_t i = 0; i < from->count; i++)
        variables_set(variables, from->items[i].name, from->items[i].value);
}

void variables_free(struct variables *variables)
{
    for (size_t i = 0; i < variables->count; i++) {
        free(variables->items[i].name);
        free(variables->items[i].value);
    }
    free(variables->items);
    *variables = (struct variables){0};
}
