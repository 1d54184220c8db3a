/*
 * Changes of modes in words, as chmod(1) has them: "u=rwX,go=rX", "a-w", "g=u+s".
 *
 *     change  = clause *("," clause)
 *     clause  = *("u" / "g" / "o" / "a") 1*(("+" / "-" / "=") permissions)
 *     permissions = *("r" / "w" / "x" / "X" / "s" / "t") / "u" / "g" / "o"
 *
 * "X" is "x" for a directory and for what somebody may execute. Without a letter before its
 * operator, a clause is for all; there is no umask.
 */
#ifndef VMBUILD_MODE_CHANGE_H
#define VMBUILD_MODE_CHANGE_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether TEXT is such a change. */
bool mode_change_is_valid(const char *text);

/* Returns the permissions that MODE has after the change TEXT, which is valid. */
mode_t mode_change_apply(const char *text, mode_t mode, bool is_folder);

#endif
