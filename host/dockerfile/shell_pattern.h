/*
 * What a pattern does to the value of a variable: ${NAME#PATTERN}, ${NAME%PATTERN} and
 * ${NAME/PATTERN/TEXT}. In a pattern, '*' is any number of characters and '?' one, none of which is
 * a line end; a backslash makes one of these two, or itself, ordinary.
 */
#ifndef VMBUILD_SHELL_PATTERN_H
#define VMBUILD_SHELL_PATTERN_H

#include <stdbool.h>

#include "host/lib/error.h"

/* Sets *RET to VALUE without what PATTERN matches at its start, or, if IS_END, at its end: the
 * longest piece or the shortest. *RET is the caller's. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *shell_pattern_remove(const char *pattern, const char *value,
                                                 bool is_end, bool is_longest, char **ret);

/* Sets *RET to VALUE with TEXT in place of the first piece that PATTERN matches, or of each: of
 * those that begin at the same place, the longest. *RET is the caller's. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *shell_pattern_replace(const char *pattern, const char *text,
                                                  const char *value, bool is_each, char **ret);

#endif
