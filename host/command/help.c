#include "host/command/help.h"

#include <ctype.h>
#include <string.h>

#include "host/command/option_table.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define LEFT_WIDTH 28 /* of the column of options */

static const char intro[] =
    "Usage: vmbuild --spec FILE [-o PATH] [options]\n"
    "       vmbuild build --file DOCKERFILE [-o PATH] [options] [CONTEXT]\n"
    "       vmbuild COMMAND [options] [arguments]\n"
    "\n"
    "Builds container images whose build steps need root, as any user, in a throw-away\n"
    "virtual machine.\n"
    "\n"
    "Commands:\n";

static const char outro[] =
    "\n"
    "'vmbuild COMMAND --help' lists the options of a command, 'vmbuild --version' shows the\n"
    "version. The manual is vmbuild(1), that of the spec file vmbuild-spec(5).\n";

/* Of commands that read or write images. */
static const char images[] =
    "\n"
    "An image is a path, whatever kind of image is there, or docker-archive:FILE[:REF],\n"
    "oci-archive:FILE[:REF], oci:DIR[:REF], dir:DIR, docker://HOST/NAME[:TAG|@DIGEST].\n"
    "Credentials for registries are those of skopeo, podman and Docker. See vmbuild(1).\n";

void help_choices(const struct argument *argument, const char *separator, struct buffer *out)
{
    for (const struct choice *choice = argument->choices; choice->name != NULL; choice++)
        buffer_printf(out, "%s%s", choice == argument->choices ? "" : separator, choice->name);
}

/* The argument's name, or the words that it may be. */
static void append_argument(const struct argument *argument, struct buffer *out)
{
    if (argument->kind == ARGUMENT_CHOICE)
        help_choices(argument, "|", out);
    else
        buffer_printf(out, "%s", argument->name);
}

void help_option(const struct option_row *row, struct buffer *out)
{
    if (row->letter != 0)
        buffer_printf(out, "-%c, ", row->letter);
    buffer_printf(out, "--%s", row->name);
    if (!option_has_value(row))
        return;
    buffer_printf(out, row->is_value_optional ? "[=" : " ");
    append_argument(&row->argument, out);
    buffer_printf(out, row->is_value_optional ? "]" : "");
}

void help_arguments(const struct command *command, struct buffer *out)
{
    for (int i = 0; i < COMMAND_ARGUMENTS_MAX && command->arguments[i].name != NULL; i++) {
        bool optional = i >= command->arguments_min;
        bool is_last = i + 1 == COMMAND_ARGUMENTS_MAX || command->arguments[i + 1].name == NULL;

        buffer_printf(out, "%s%s", i > 0 ? " " : "", optional ? "[" : "");
        append_argument(&command->arguments[i], out);
        buffer_printf(out, "%s%s", is_last && command->arguments_max < 0 ? "..." : "",
                      optional ? "]" : "");
    }
}

static void append_option(const struct option_row *row, struct buffer *out)
{
    CLEANUP(buffer_free) struct buffer left = {0};

    if (row->letter == 0)
        buffer_printf(&left, "    ");
    help_option(row, &left);
    if (left.length > LEFT_WIDTH)
        buffer_printf(out, "  %s\n  %*s  %s\n", left.data, LEFT_WIDTH, "", row->summary);
    else
        buffer_printf(out, "  %-*s  %s\n", LEFT_WIDTH, left.data, row->summary);
}

static void append_required(const struct option_row *row, struct buffer *out)
{
    char letter[] = {row->letter, '\0'};

    buffer_printf(out, " %s%s %s", row->letter != 0 ? "-" : "--",
                  row->letter != 0 ? letter : row->name, row->argument.name);
}

static void append_usage(const struct command *command, struct buffer *out)
{
    CLEANUP(buffer_free) struct buffer arguments = {0};

    buffer_printf(out, "Usage: vmbuild %s", command->name);
    for (size_t i = 0; i < option_count; i++)
        if (option_is_required(&option_table[i], command))
            append_required(&option_table[i], out);
    help_arguments(command, &arguments);
    buffer_printf(out, " [options]%s%s\n\n", arguments.length > 0 ? " " : "",
                  arguments.length > 0 ? arguments.data : "");
}

static void show_command(const struct command *command, struct buffer *out)
{
    bool reads_images = false;

    append_usage(command, out);
    buffer_printf(out, "%c%s.\n\nOptions:\n", toupper((unsigned char)*command->summary),
                  command->summary + 1);
    for (size_t i = 0; i < option_count; i++) {
        if (!option_is_of(&option_table[i], command))
            continue;
        append_option(&option_table[i], out);
        reads_images = reads_images || option_table[i].group == OPTION_GROUP_IMAGE;
    }
    if (reads_images)
        buffer_printf(out, "%s", images);
}

void help_show(const struct command *command, struct buffer *out)
{
    if (command != NULL) {
        show_command(command, out);
        return;
    }
    buffer_printf(out, "%s", intro);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        buffer_printf(out, "  %-10s %s\n", command_table[i].name, command_table[i].summary);
    buffer_printf(out, "%s", outro);
}
