/*
 * Patterns for paths, as filepath.Match of Go has them and so COPY of a Dockerfile: a "*" stands
 * for any number of characters of one name, "?" for one of them, "[a-z]" for one of some and
 * "[^a-z]" for one of all others; a backslash makes the next character ordinary.
 *
 * The names of a path up to the first that has one of these are taken as they are, backslashes
 * included.
 */
#ifndef VMBUILD_PATH_PATTERN_H
#define VMBUILD_PATH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/glob.h"

/* A zeroed one is the path of the root. */
struct path_pattern {
    char *start;        /* the names that are taken as they are, without slashes at its ends */
    struct glob *names; /* one for each of the others */
    size_t count;
};

/* Reads PATH, which is valid UTF-8. *RET is freed by path_pattern_free. Errors, which name no
 * object: EXIT_INPUT. */
[[nodiscard]] struct error *path_pattern_parse(const char *path, struct path_pattern *ret);

/* Whether NAME, any bytes, is one that PATTERN has at INDEX of its names. */
bool path_pattern_matches(const struct path_pattern *pattern, size_t index, const char *name);

/* Reads what stands for one character, or any number of them, at *TEXT, which is valid UTF-8 and
 * not at its end, and moves that behind it. Errors, which name no object: EXIT_INPUT. */
[[nodiscard]] struct error *path_pattern_read_step(const char **text, struct glob *glob);

void path_pattern_free(struct path_pattern *pattern);

#endif
