/*
 * A path in a directory of the host, its context, as COPY takes it: a pattern (path_pattern.h) that
 * may stand for several, with symlinks that are followed within the context, as chroot(2) would.
 */
#ifndef VMBUILD_CONTEXT_PATH_H
#define VMBUILD_CONTEXT_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"

/* One of the paths. */
struct context_match {
    char *named; /* from the context, as the pattern has it: what it is called */
    char *place; /* from the context, without symlinks: where it is; "" for the context itself */
};

/* A zeroed one is empty. */
struct context_matches {
    struct context_match *items; /* sorted by name */
    size_t count;
};

/* Sets *RET to what the absolute PATH leads to in the directory CONTEXT. What no pattern matches
 * may be a path literally; if it IS_OPTIONAL, it may be nothing. *RET, zeroed, is the caller's also
 * on error. Errors: EXIT_INPUT, if there is nothing. */
[[nodiscard]] struct error *context_path_find(const char *context, const char *path,
                                              bool is_optional, struct context_matches *ret);

void context_matches_free(struct context_matches *matches);

#endif
