/*
 * The merged tree of an image: its layers' headers, read and applied to one another.
 */
#ifndef VMBUILD_IMAGE_MERGE_H
#define VMBUILD_IMAGE_MERGE_H

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/tree/merged_tree.h"

/* Merges all of IMAGE's layers, which have their tar_path. *RET is the caller's. Errors:
 * EXIT_INPUT, naming the layer, if it is not a valid tar, and those of merged_tree_apply. */
[[nodiscard]] struct error *image_merge(const struct image *image, struct merged_tree **ret);

#endif
