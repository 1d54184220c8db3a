/*
 * Words as a Dockerfile has them: quotes, escapes, and variables, which are replaced by their
 * values. This is not the shell's language: there are no commands in it, and of the substitutions
 * only these:
 *
 *     $NAME ${NAME}                    the value; of an unset variable, nothing
 *     ${NAME:-WORD} ${NAME:+WORD}      WORD if it is unset or empty, or if it is not
 *     ${NAME:?WORD}                    the error WORD if it is unset or empty
 *     ${NAME#P} ${NAME##P}             without the shortest or longest start that P matches
 *     ${NAME%P} ${NAME%%P}             the same of its end
 *     ${NAME/P/WORD} ${NAME//P/WORD}   with WORD in place of the first piece, or of each
 *
 * Without the colon, "empty" counts as set. See shell_pattern.h for P.
 */
#ifndef VMBUILD_SHELL_WORD_H
#define VMBUILD_SHELL_WORD_H

#include <stdbool.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"

#define SHELL_WORD_MAX (4u << 20) /* bytes of what a text becomes */
#define SHELL_WORD_DEPTH_MAX 100  /* substitutions in one another */

struct shell_rules {
    char escape; /* the character that makes the next one ordinary */
    bool keep_quotes;
    bool keep_escapes;
    bool ignore_quotes; /* they are ordinary characters */
    bool keep_unset;    /* substitutions of unset variables stay as they are */
};

/* Where the values of variables come from. */
struct shell_variables {
    /* Returns the value of NAME, borrowed until the next call; NULL if it is unset. NULL in place
     * of the function: all are. */
    const char *(*get)(void *context, const char *name);
    void *context;
};

/* Sets *RET to what TEXT, which is valid UTF-8, becomes, all of it one word; the caller's. Adds to
 * UNSET, unless it is NULL, the names of variables that were needed and are unset, each once.
 * Errors, which name no object: EXIT_INPUT. */
[[nodiscard]] struct error *shell_word_expand(const char *text, const struct shell_rules *rules,
                                              const struct shell_variables *variables,
                                              struct strings *unset, char **ret);

/* The same, and splits it at white space that is neither quoted nor escaped: that of values as
 * well. The words, none of which is empty, are added to RET. */
[[nodiscard]] struct error *shell_word_split(const char *text, const struct shell_rules *rules,
                                             const struct shell_variables *variables,
                                             struct strings *ret);

#endif
