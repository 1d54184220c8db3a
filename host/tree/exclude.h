/*
 * Patterns for what a source of contents leaves out, as in .gitignore: `*`, `?` and `[...]` stand
 * for characters of one name. A pattern without a slash is for names at any depth, any other for
 * paths from the source's root, where `**` stands for any number of directories. With a slash at
 * its end it is for directories alone. What is below a directory that is left out is, too.
 */
#ifndef VMBUILD_EXCLUDE_H
#define VMBUILD_EXCLUDE_H

#include <stdbool.h>

#include "host/lib/buffer.h"

/* Whether one of PATTERNS (NULL: there are none) is for PATH, a relative path without "." and ".."
 * parts, or for a directory above it. */
bool exclude_matches(const struct strings *patterns, const char *path, bool is_folder);

#endif
