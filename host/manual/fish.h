/*
 * The parts of vmbuild.fish.
 */
#ifndef VMBUILD_FISH_H
#define VMBUILD_FISH_H

#include "host/lib/buffer.h"

/* A `case` of the options with a value. */
void fish_valued(struct buffer *out);

/* A `case` of the names of the commands. */
void fish_names(struct buffer *out);

/* `complete` for each command, each option, each argument. */
void fish_commands(struct buffer *out);
void fish_options(struct buffer *out);
void fish_arguments(struct buffer *out);

#endif
