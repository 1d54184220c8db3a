/*
 * What a pattern for paths matches in a merged tree.
 */
#ifndef VMBUILD_MERGED_MATCH_H
#define VMBUILD_MERGED_MATCH_H

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/path_pattern.h"
#include "host/tree/merged_tree.h"

/* Appends the absolute paths that PATTERN matches in TREE to RET, sorted. Symlinks are followed
 * only in the names that PATTERN takes as they are. Errors: those of merged_tree_find. */
[[nodiscard]] struct error *merged_match(struct merged_tree *tree,
                                         const struct path_pattern *pattern, struct strings *ret);

#endif
