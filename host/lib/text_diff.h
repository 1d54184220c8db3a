/*
 * How two texts differ, line by line, as diff(1) with -u shows it. The algorithm is that of
 * Myers, "An O(ND) Difference Algorithm and Its Variations" (1986).
 */
#ifndef VMBUILD_TEXT_DIFF_H
#define VMBUILD_TEXT_DIFF_H

#include "host/lib/buffer.h"

#define TEXT_DIFF_EDITS_MAX 1000 /* lines that were removed or added */

/* Returns the hunks of a unified diff that makes OTHER of ONE, each line of them made printable and
 * cut to a readable length; the caller's. NULL if there are more edits than the limit. */
char *text_diff(const struct buffer *one, const struct buffer *other);

#endif
