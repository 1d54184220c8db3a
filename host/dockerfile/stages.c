#include "host/dockerfile/stages.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/dockerfile/instruction_rules.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static char *lower(const char *text)
{
    char *copy = xstrdup(text);

    for (char *at = copy; *at != '\0'; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    return copy;
}

static void add(struct stages *stages, const struct instruction *from)
{
    stages->items = xreallocarray(stages->items, stages->count + 1, sizeof *stages->items);
    stages->items[stages->count++] = (struct stage){
        .name = from->arguments.count == 3 ? lower(from->arguments.items[2]) : NULL,
        .base = from->arguments.items[0],
        .from = from,
        .instructions = from + 1,
    };
}

static struct error *put(struct stages *stages, const struct instruction *instruction)
{
    TRY(instruction_check(instruction));
    if (instruction->keyword == KEYWORD_FROM && stages->count == STAGES_MAX)
        return error_new(EXIT_INPUT, "more than %d stages", STAGES_MAX);
    if (instruction->keyword == KEYWORD_FROM)
        add(stages, instruction);
    else if (stages->count > 0)
        stages->items[stages->count - 1].count++;
    else if (instruction->keyword == KEYWORD_ARG)
        stages->definition_count++;
    else
        return error_new(EXIT_INPUT, "%s before the first FROM",
                         keyword_name(instruction->keyword));
    return NULL;
}

struct error *stages_make(const struct dockerfile *file, struct stages *ret)
{
    CLEANUP(stages_free) struct stages stages = {.definitions = file->instructions};

    for (size_t i = 0; i < file->count; i++)
        TRY(dockerfile_context(put(&stages, &file->instructions[i]), file->name,
                               file->instructions[i].first_line));
    if (stages.count == 0)
        return error_new(EXIT_INPUT, "read '%s': no FROM", file->name);
    *ret = stages;
    stages = (struct stages){0};
    return NULL;
}

size_t stages_find(const struct stages *stages, const char *name, size_t end)
{
    while (end-- > 0)
        if (stages->items[end].name != NULL && strcasecmp(stages->items[end].name, name) == 0)
            return end;
    return STAGE_NONE;
}

void stages_free(struct stages *stages)
{
    for (size_t i = 0; i < stages->count; i++)
        free(stages->items[i].name);
    free(stages->items);
    *stages = (struct stages){0};
}
