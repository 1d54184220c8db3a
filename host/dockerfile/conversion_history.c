/* What the history of an image has for an instruction. */
#include "host/dockerfile/conversion_state.h"

#include <stdlib.h>
#include <string.h>

#include "host/dockerfile/instruction_flags.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* Appends the ARGs of STAGE and how many they are. */
static void append_arguments(const struct conversion_stage *stage, struct buffer *out)
{
    CLEANUP(strings_free) struct strings shown = {0};

    for (size_t i = 0; i < stage->declared.count; i++) {
        const char *name = stage->declared.items[i];
        const char *value = variables_get(&stage->variables, name);
        CLEANUP(freep) char *text = xasprintf("%s=%s", name, value != NULL ? value : "");

        if (!strings_contain(&shown, text))
            strings_add(&shown, text);
    }
    if (shown.count > 0)
        buffer_printf(out, " |%zu", shown.count);
    for (size_t i = 0; i < shown.count; i++)
        buffer_printf(out, " %s", shown.items[i]);
}

/* Appends the flags that count for what is copied. */
static void append_flags(const struct instruction *instruction, struct buffer *out)
{
    static const char *const names[] = {"chown", "chmod"};

    if (instruction_flag_is_set(instruction, "parents"))
        buffer_printf(out, " --parents");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (instruction_flag(instruction, names[i]) != NULL)
            buffer_printf(out, " --%s=%s", names[i], instruction_flag(instruction, names[i]));
}

char *conversion_history(const struct conversion_stage *stage,
                         const struct instruction *instruction, const struct strings *words)
{
    struct buffer text = {0};

    buffer_printf(&text, "%s", keyword_name(instruction->keyword));
    if (instruction->keyword == KEYWORD_RUN)
        append_arguments(stage, &text);
    else
        append_flags(instruction, &text);
    for (size_t i = 0; i < words->count; i++)
        buffer_printf(&text, " %s", words->items[i]);
    buffer_printf(&text, " # buildkit");
    return buffer_steal(&text);
}
