#include "host/manual/zsh.h"

#include "host/lib/cleanup.h"
#include "host/manual/shell.h"

#define QUOTE "'\\''"

void zsh_commands(struct buffer *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        CLEANUP(buffer_free) struct buffer text = {0};

        buffer_printf(&text, "%s:%s", command_table[i].name, command_table[i].summary);
        buffer_printf(out, "        ");
        shell_quote(text.data, QUOTE, out);
        buffer_printf(out, "\n");
    }
}

void zsh_valued(struct buffer *out)
{
    buffer_printf(out, "        ");
    shell_valued(" | ", out);
    buffer_printf(out, ")\n");
}

/* Appends ":NAME:ACTION", with which _arguments describes a value. */
static void append_value(const struct argument *argument, struct buffer *out)
{
    static const char *const actions[] = {
        [ARGUMENT_TEXT] = " ",
        [ARGUMENT_FILE] = "_files",
        [ARGUMENT_DIRECTORY] = "_files -/",
        [ARGUMENT_IMAGE] = "_vmbuild_images",
        [ARGUMENT_REGISTRY] = "_vmbuild_registries",
        [ARGUMENT_CHOICE] = NULL,
        [ARGUMENT_ARCHITECTURE] = NULL,
        [ARGUMENT_ASSIGNMENT] = "_vmbuild_keys",
    };

    buffer_printf(out, ":");
    for (const char *c = argument->name; *c != '\0'; c++)
        buffer_printf(out, "%s%c", *c == ':' ? "\\" : "", *c);
    buffer_printf(out, ":");
    if (actions[argument->kind] != NULL) {
        buffer_printf(out, "%s", actions[argument->kind]);
        return;
    }
    buffer_printf(out, "(");
    shell_words(argument, out);
    buffer_printf(out, ")");
}

static void append_option(const struct option_row *row, struct buffer *out)
{
    CLEANUP(buffer_free) struct buffer spec = {0};
    const char *sign = row->kind == OPTION_SET ? "'*'" : "";

    buffer_printf(&spec, "[%s]", row->summary);
    if (option_has_value(row)) {
        buffer_printf(&spec, row->is_value_optional ? ":" : "");
        append_value(&row->argument, &spec);
    }
    buffer_printf(out, "            ");
    if (row->letter != 0)
        buffer_printf(out, "'(-%c --%s)'{-%c%s,--%s%s}", row->letter, row->name, row->letter,
                      option_has_value(row) ? "+" : "", row->name,
                      option_has_value(row) ? "=" : "");
    else
        buffer_printf(out, "%s--%s%s", sign, row->name,
                      row->is_value_optional  ? "=-"
                      : option_has_value(row) ? "="
                                              : "");
    shell_quote(spec.data, QUOTE, out);
    buffer_printf(out, "\n");
}

static void append_arguments(const struct command *command, struct buffer *out)
{
    for (int i = 0; i < COMMAND_ARGUMENTS_MAX && command->arguments[i].name != NULL; i++) {
        CLEANUP(buffer_free) struct buffer spec = {0};

        if (command_repeats(command, i))
            buffer_printf(&spec, "*");
        else
            buffer_printf(&spec, "%d", i + 1);
        append_value(&command->arguments[i], &spec);
        buffer_printf(out, "            ");
        shell_quote(spec.data, QUOTE, out);
        buffer_printf(out, "\n");
    }
}

void zsh_options(struct buffer *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        buffer_printf(out, "    %s)\n        specs=(\n", command_table[i].name);
        for (size_t j = 0; j < option_count; j++)
            if (option_is_of(&option_table[j], &command_table[i]))
                append_option(&option_table[j], out);
        append_arguments(&command_table[i], out);
        buffer_printf(out, "        )\n        ;;\n");
    }
}

void zsh_keys(struct buffer *out)
{
    static const struct argument assignment = {"KEY=VALUE", ARGUMENT_ASSIGNMENT, NULL};

    buffer_printf(out, "    local -a keys=(");
    shell_words(&assignment, out);
    buffer_printf(out, ")\n");
}
