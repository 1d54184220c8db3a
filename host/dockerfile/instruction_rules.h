/*
 * What an instruction must look like to make sense by itself, beyond what its form requires: how
 * many arguments, which flags, and values that do not depend on variables.
 */
#ifndef VMBUILD_INSTRUCTION_RULES_H
#define VMBUILD_INSTRUCTION_RULES_H

#include "host/dockerfile/instruction.h"

/* Checks INSTRUCTION. Errors, which begin with its keyword and name no line: EXIT_INPUT. */
[[nodiscard]] struct error *instruction_check(const struct instruction *instruction);

#endif
