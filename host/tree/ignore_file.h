/*
 * .dockerignore: which files of a build's context do not belong to it. A line is a pattern for
 * paths from the context's root; one that begins with '!' takes out of what earlier ones match. The
 * last that matches a path, or a directory that it is in, decides.
 *
 *     *  ?  [a-z]  [^a-z]   characters of one name
 *     **                    any number of directories
 *     \                     makes the next character ordinary
 *     #                     a comment, as the first character of a line
 *
 * Patterns are matched as BuildKit does; it is not the language of .gitignore: a pattern without a
 * slash is for the root alone.
 */
#ifndef VMBUILD_IGNORE_FILE_H
#define VMBUILD_IGNORE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"

#define IGNORE_FILE_SIZE_MAX (1u << 20) /* bytes */
#define IGNORE_PATTERN_MAX 4096         /* bytes of a line */

struct ignore_pattern;

struct ignore_file {
    struct ignore_pattern *patterns;
    size_t count;
};

/* Reads the LENGTH bytes of a file that errors call NAME. *RET is freed by ignore_file_free.
 * Errors: EXIT_INPUT, as "read 'NAME': line L: CAUSE". */
[[nodiscard]] struct error *ignore_file_parse(const char *name, const char *bytes, size_t length,
                                              struct ignore_file *ret);

/* Adds PATTERN as a line of its own, such as the value of --exclude. Errors, which name no object:
 * EXIT_INPUT. */
[[nodiscard]] struct error *ignore_file_add(struct ignore_file *file, const char *pattern);

/* Whether PATH, from the root of the context and without slashes at its ends, is left out. */
bool ignore_file_matches(const struct ignore_file *file, const char *path);

/* Whether something below the directory PATH, which is left out, may be taken in again. */
bool ignore_file_has_exceptions(const struct ignore_file *file);

void ignore_file_free(struct ignore_file *file);

#endif
