#include "host/manual/pages.h"

#include <inttypes.h>
#include <string.h>

#include "host/command/option_table.h"
#include "host/manual/mdoc.h"
#include "host/spec/spec_key.h"

static void append_word(const char *word, struct buffer *out)
{
    mdoc_argument(word, strlen(word), out);
}

void pages_system(struct buffer *out)
{
    buffer_printf(out, ".Os vmbuild %s\n", VMBUILD_VERSION);
}

/* Appends " Ar NAME", or the words that it may be. */
static void append_argument(const struct argument *argument, struct buffer *out)
{
    if (argument->kind != ARGUMENT_CHOICE) {
        buffer_printf(out, " Ar ");
        append_word(argument->name, out);
        return;
    }
    for (const struct choice *choice = argument->choices; choice->name != NULL; choice++) {
        buffer_printf(out, "%s Cm ", choice == argument->choices ? "" : " |");
        append_word(choice->name, out);
    }
}

/* Appends the option as it is typed: " Fl o Ar FILE", by its letter if it has one. */
static void append_required(const struct option_row *row, struct buffer *out)
{
    if (row->letter != 0)
        buffer_printf(out, " Fl %c", row->letter);
    else
        buffer_printf(out, " Fl \\-%s", row->name);
    append_argument(&row->argument, out);
}

/* Appends what follows COMMAND's name, as arguments of a macro. */
static void append_usage(const struct command *command, struct buffer *out)
{
    for (size_t i = 0; i < option_count; i++)
        if (option_is_required(&option_table[i], command))
            append_required(&option_table[i], out);
    buffer_printf(out, " Oo Ar options Oc");
    for (int i = 0; i < COMMAND_ARGUMENTS_MAX && command->arguments[i].name != NULL; i++) {
        buffer_printf(out, "%s", i >= command->arguments_min ? " Oo" : "");
        append_argument(&command->arguments[i], out);
        buffer_printf(out, "%s", i >= command->arguments_min ? " Oc" : "");
    }
    if (command->arguments_max < 0)
        buffer_printf(out, " ...");
}

void pages_synopsis(struct buffer *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *command = &command_table[i];

        buffer_printf(out, ".Nm\n");
        if (i == COMMAND_BUILD)
            buffer_printf(out, ".Oo Ic %s Oc", command->name);
        else
            buffer_printf(out, ".Ic %s", command->name);
        append_usage(command, out);
        buffer_printf(out, "\n");
    }
}

/* Appends the list of the words that ARGUMENT may be, if it is of that kind. */
static void append_choices(const struct argument *argument, struct buffer *out)
{
    if (argument->kind != ARGUMENT_CHOICE)
        return;
    buffer_printf(out, ".Pp\n.Bl -tag -width Ds -compact\n");
    for (const struct choice *choice = argument->choices; choice->name != NULL; choice++) {
        buffer_printf(out, ".It Cm ");
        append_word(choice->name, out);
        buffer_printf(out, "\n");
        mdoc_text(choice->text, out);
    }
    buffer_printf(out, ".El\n");
}

/* Appends the options of COMMAND that not every command takes. */
static void append_option_names(const struct command *command, struct buffer *out)
{
    bool any = false;

    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];

        if (!option_is_of(row, command) || row->group == OPTION_GROUP_COMMON)
            continue;
        buffer_printf(out, "%s", any ? " ,\n" : ".Pp\nOptions:\n");
        buffer_printf(out, ".Fl \\-");
        append_word(row->name, out);
        any = true;
    }
    buffer_printf(out, "%s", any ? " .\n" : "");
}

void pages_commands(struct buffer *out)
{
    buffer_printf(out, ".Bl -tag -width Ds\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *command = &command_table[i];

        buffer_printf(out, ".It Ic %s", command->name);
        append_usage(command, out);
        buffer_printf(out, "\n");
        mdoc_text(command->text, out);
        for (int j = 0; j < COMMAND_ARGUMENTS_MAX; j++)
            append_choices(&command->arguments[j], out);
        append_option_names(command, out);
    }
    buffer_printf(out, ".El\n");
}

/* Appends which commands take the option. */
static void append_takers(const struct option_row *row, struct buffer *out)
{
    bool any = false;

    if (row->group == OPTION_GROUP_COMMON)
        return;
    buffer_printf(out, ".Pp\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (!option_is_of(row, &command_table[i]))
            continue;
        buffer_printf(out, "%s.Ic %s", any ? " ,\n" : "", command_table[i].name);
        any = true;
    }
    buffer_printf(out, " .\n");
}

static void append_option(const struct option_row *row, struct buffer *out)
{
    buffer_printf(out, ".It");
    if (row->letter != 0)
        buffer_printf(out, " Fl %c ,", row->letter);
    buffer_printf(out, " Fl ");
    buffer_printf(out, "\\-");
    append_word(row->name, out);
    if (option_has_value(row)) {
        buffer_printf(out, row->is_value_optional ? " Ns Op = Ns Ar " : " Ar ");
        append_word(row->argument.name, out);
    }
    buffer_printf(out, "\n");
    mdoc_text(row->text, out);
    append_choices(&row->argument, out);
    append_takers(row, out);
}

void pages_options(struct buffer *out)
{
    for (enum option_group group = 0; group < OPTION_GROUP_COUNT; group++) {
        buffer_printf(out, ".Ss %s\n.Bl -tag -width Ds\n", option_group_title(group));
        for (size_t i = 0; i < option_count; i++)
            if (option_table[i].group == group)
                append_option(&option_table[i], out);
        buffer_printf(out, ".El\n");
    }
}

/* Appends "Type: MiB, from 256 to 4194304.  Default: 512." */
static void append_type(const struct spec_key *key, struct buffer *out)
{
    bool is_literal = false;
    const char *initial = spec_key_default(key, &is_literal);

    if (key->unit != NULL)
        buffer_printf(out, "Type: number of %s", key->unit);
    else
        buffer_printf(out, "Type: %s", spec_key_type(key));
    if (key->most > 0)
        buffer_printf(out, ", from %" PRIu64 " to %" PRIu64, key->least, key->most);
    buffer_printf(out, ".\n");
    if (key->required) {
        buffer_printf(out, "Required.\n");
    } else if (is_literal) {
        buffer_printf(out, "Default:\n.Cm ");
        append_word(initial, out);
        buffer_printf(out, " .\n");
    } else {
        buffer_printf(out, "Default: %s.\n", initial);
    }
    buffer_printf(out, ".Pp\n");
}

void pages_keys(struct buffer *out)
{
    buffer_printf(out, ".Bl -tag -width Ds\n");
    for (size_t i = 0; i < spec_key_count; i++) {
        const struct spec_key *key = &spec_keys[i];

        buffer_printf(out, ".It Cm ");
        append_word(key->name, out);
        buffer_printf(out, "\n");
        append_type(key, out);
        mdoc_text(key->documentation, out);
    }
    buffer_printf(out, ".El\n");
}
