#include "host/manual/fish.h"

#include "host/lib/cleanup.h"
#include "host/manual/shell.h"

#define QUOTE "\\'"

void fish_valued(struct buffer *out)
{
    buffer_printf(out, "            case ");
    shell_valued(" ", out);
    buffer_printf(out, "\n");
}

void fish_names(struct buffer *out)
{
    buffer_printf(out, "            case");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        buffer_printf(out, " %s", command_table[i].name);
    buffer_printf(out, "\n");
}

void fish_commands(struct buffer *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        buffer_printf(out, "complete -c vmbuild -n 'not __vmbuild_command' -a %s -d ",
                      command_table[i].name);
        shell_quote(command_table[i].summary, QUOTE, out);
        buffer_printf(out, "\n");
    }
}

/* Appends the options of `complete` that tell what ARGUMENT may be. */
static void append_kind(const struct argument *argument, struct buffer *out)
{
    CLEANUP(buffer_free) struct buffer words = {0};

    switch (argument->kind) {
    case ARGUMENT_TEXT:
        buffer_printf(out, " -f");
        return;
    case ARGUMENT_FILE:
        buffer_printf(out, " -F");
        return;
    case ARGUMENT_DIRECTORY:
        buffer_printf(out, " -f -a '(__fish_complete_directories)'");
        return;
    case ARGUMENT_IMAGE:
        buffer_printf(out, " -F -a 'docker-archive: oci-archive: oci: dir: docker://'");
        return;
    case ARGUMENT_REGISTRY:
        buffer_printf(out, " -f -a docker://");
        return;
    case ARGUMENT_CHOICE:
    case ARGUMENT_ARCHITECTURE:
    case ARGUMENT_ASSIGNMENT:
        shell_words(argument, &words);
        buffer_printf(out, " -f -a '%s'", words.data);
        return;
    }
}

void fish_options(struct buffer *out)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];

        buffer_printf(out, "complete -c vmbuild -n '__vmbuild_command_in");
        for (size_t j = 0; j < COMMAND_COUNT; j++)
            if (option_is_of(row, &command_table[j]))
                buffer_printf(out, " %s", command_table[j].name);
        buffer_printf(out, "'");
        if (row->letter != 0)
            buffer_printf(out, " -s %c", row->letter);
        buffer_printf(out, " -l %s", row->name);
        if (option_has_value(row)) {
            buffer_printf(out, row->is_value_optional ? "" : " -r");
            append_kind(&row->argument, out);
        }
        buffer_printf(out, " -d ");
        shell_quote(row->summary, QUOTE, out);
        buffer_printf(out, "\n");
    }
}

void fish_arguments(struct buffer *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *command = &command_table[i];

        for (int j = 0; j < COMMAND_ARGUMENTS_MAX && command->arguments[j].name != NULL; j++) {
            buffer_printf(out, "complete -c vmbuild -n '__vmbuild_argument %s", command->name);
            buffer_printf(out, " %d%s", j + 1, command_repeats(command, j) ? " more" : "");
            buffer_printf(out, "'");
            append_kind(&command->arguments[j], out);
            buffer_printf(out, "\n");
        }
    }
}
