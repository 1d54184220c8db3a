/*
 * The text of a script, as far as messages about it need that. Pure.
 */
#ifndef VMBUILD_SCRIPT_TEXT_H
#define VMBUILD_SCRIPT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

enum script_shell {
    SCRIPT_SHELL_NONE, /* another interpreter */
    SCRIPT_SHELL_SH,   /* whatever /bin/sh is */
    SCRIPT_SHELL_BASH,
};

/* Returns which shell runs the script TEXT. IN_IMAGE, a "#!" line counts. */
enum script_shell script_text_shell(const char *text, bool in_image);

/* Whether lines of TEXT end in CR and LF. */
bool script_text_has_returns(const char *text);

/* Returns what bash has and sh need not, as far as TEXT uses that ("[[ ... ]]"); NULL if it does
 * not. Static. */
const char *script_text_bashism(const char *text);

/* Returns line NUMBER of TEXT, from 1, without blanks around it and cut to a readable length, with
 * the lines before it that a backslash at their end continues; the caller's. NULL: there is no such
 * line, or it is empty. */
char *script_text_line(const char *text, uint64_t number);

#endif
