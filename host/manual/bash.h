/*
 * The parts of vmbuild.bash, which are the insides of `case` commands.
 */
#ifndef VMBUILD_BASH_H
#define VMBUILD_BASH_H

#include "host/lib/buffer.h"

/* Sets _vmbuild_commands to the names of the commands. */
void bash_commands(struct buffer *out);

/* COMMAND) its options. */
void bash_options(struct buffer *out);

/* COMMAND/OPTION) what the option's value is. */
void bash_values(struct buffer *out);

/* COMMAND/N) what the Nth argument is. */
void bash_arguments(struct buffer *out);

#endif
