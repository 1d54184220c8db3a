/*
 * How the text of an instruction is divided into words. Quotes group and stay, but for those of
 * flags; nothing is replaced: shell_word.h does that later, with the values of variables.
 */
#ifndef VMBUILD_INSTRUCTION_WORDS_H
#define VMBUILD_INSTRUCTION_WORDS_H

#include "host/lib/buffer.h"

/* Adds the words of TEXT to RET: those of ARG, ENV and LABEL, in which white space may be quoted or
 * follow ESCAPE. */
void instruction_words_quoted(const char *text, char escape, struct strings *ret);

/* Adds what lies between the blanks of TEXT to RET: the words of all other instructions. */
void instruction_words_plain(const char *text, struct strings *ret);

/* Adds the flags at the start of TEXT, words that begin with two dashes, to RET, without their
 * quotes. A word "--" ends them. Returns the rest of TEXT. */
const char *instruction_words_flags(const char *text, char escape, struct strings *ret);

#endif
