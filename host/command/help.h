/*
 * --help, and the parts of it that others show, too: made from the tables of commands and options.
 */
#ifndef VMBUILD_HELP_H
#define VMBUILD_HELP_H

#include "host/command/argument.h"
#include "host/lib/buffer.h"

struct command;
struct option_row;

/* Appends the words that ARGUMENT may be, with SEPARATOR between them. */
void help_choices(const struct argument *argument, const char *separator, struct buffer *out);

/* Appends "-o, --output PATH". */
void help_option(const struct option_row *row, struct buffer *out);

/* Appends the arguments as a synopsis shows them: "IMAGE REF", "[FILE]", "PATH...". */
void help_arguments(const struct command *command, struct buffer *out);

/* Appends the help of COMMAND, or of the whole program if it is NULL. */
void help_show(const struct command *command, struct buffer *out);

#endif
