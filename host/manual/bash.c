#include "host/manual/bash.h"

#include "host/lib/cleanup.h"
#include "host/manual/shell.h"

void bash_commands(struct buffer *out)
{
    buffer_printf(out, "_vmbuild_commands='");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        buffer_printf(out, "%s%s", i > 0 ? " " : "", command_table[i].name);
    buffer_printf(out, "'\n");
}

void bash_options(struct buffer *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        buffer_printf(out, "    %s) REPLY='", command_table[i].name);
        for (size_t j = 0; j < option_count; j++) {
            if (!option_is_of(&option_table[j], &command_table[i]))
                continue;
            shell_spellings(&option_table[j], " ", out);
            buffer_printf(out, " ");
        }
        out->length--; /* the last blank */
        buffer_printf(out, "' ;;\n");
    }
}

/* Appends the name of what to offer for ARGUMENT, and words. */
static void append_kind(const struct argument *argument, struct buffer *out)
{
    static const char *const names[] = {
        [ARGUMENT_TEXT] = "text",           [ARGUMENT_FILE] = "file",
        [ARGUMENT_DIRECTORY] = "directory", [ARGUMENT_IMAGE] = "image",
        [ARGUMENT_REGISTRY] = "registry",   [ARGUMENT_CHOICE] = "words",
        [ARGUMENT_ARCHITECTURE] = "words",  [ARGUMENT_ASSIGNMENT] = "words",
    };
    CLEANUP(buffer_free) struct buffer words = {0};

    shell_words(argument, &words);
    buffer_printf(out, " REPLY='%s%s%s' ;;\n", names[argument->kind], words.length > 0 ? " " : "",
                  words.length > 0 ? words.data : "");
}

void bash_values(struct buffer *out)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        const char *separator = "    ";

        if (!option_has_value(row))
            continue;
        for (size_t j = 0; j < COMMAND_COUNT; j++) {
            if (!option_is_of(row, &command_table[j]))
                continue;
            buffer_printf(out, "%s%s/--%s", separator, command_table[j].name, row->name);
            if (row->letter != 0)
                buffer_printf(out, " | %s/-%c", command_table[j].name, row->letter);
            separator = " | ";
        }
        buffer_printf(out, ")");
        append_kind(&row->argument, out);
    }
}

void bash_arguments(struct buffer *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *command = &command_table[i];

        for (int j = 0; j < COMMAND_ARGUMENTS_MAX && command->arguments[j].name != NULL; j++) {
            if (command_repeats(command, j))
                buffer_printf(out, "    %s/*)", command->name);
            else
                buffer_printf(out, "    %s/%d)", command->name, j + 1);
            append_kind(&command->arguments[j], out);
        }
    }
}
