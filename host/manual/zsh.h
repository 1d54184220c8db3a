/*
 * The parts of _vmbuild, zsh's completion.
 */
#ifndef VMBUILD_ZSH_H
#define VMBUILD_ZSH_H

#include "host/lib/buffer.h"

/* NAME:SUMMARY of each command, quoted, a line each. */
void zsh_commands(struct buffer *out);

/* A pattern for `case`: the options with a value. */
void zsh_valued(struct buffer *out);

/* COMMAND) what _arguments takes for its options and arguments. */
void zsh_options(struct buffer *out);

/* The array `keys`: KEY= of each key of the spec. */
void zsh_keys(struct buffer *out);

#endif
