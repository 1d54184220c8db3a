/*
 * The parser directives of a Dockerfile: the comments `# syntax=`, `# escape=` and `# check=`
 * before anything else in it, each at most once. Any other line, an empty one as well, ends them.
 */
#ifndef VMBUILD_DIRECTIVES_H
#define VMBUILD_DIRECTIVES_H

#include <stdbool.h>

#include "host/lib/error.h"

struct directives {
    bool is_over; /* no more of them may follow */
    char *syntax; /* or NULL */
    char *escape;
    char *check;
};

/* Reads LINE, a line of the file without white space at its start, into DIRECTIVES, the caller's,
 * who frees them with directives_free. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *directives_read(struct directives *directives, const char *line);

/* Returns the escape character: a backslash or a backquote. */
char directives_escape(const struct directives *directives);

void directives_free(struct directives *directives);

#endif
