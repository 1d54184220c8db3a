/*
 * The flags of instructions, `--NAME=VALUE`: which instruction takes which, and their values.
 */
#ifndef VMBUILD_INSTRUCTION_FLAGS_H
#define VMBUILD_INSTRUCTION_FLAGS_H

#include <stdbool.h>

#include "host/dockerfile/instruction.h"

/* Checks INSTRUCTION's flags: that it takes them, that they have values that they can have, and
 * that none is repeated unless it may be. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *instruction_flags_check(const struct instruction *instruction);

/* Returns the value of the flag NAME ("from"), borrowed; NULL if it is not given. One without a
 * value has "true". */
const char *instruction_flag(const struct instruction *instruction, const char *name);

/* Whether the flag NAME is given and not false. */
bool instruction_flag_is_set(const struct instruction *instruction, const char *name);

/* Adds all values of the flag NAME to RET, in their order. */
void instruction_flag_values(const struct instruction *instruction, const char *name,
                             struct strings *ret);

#endif
