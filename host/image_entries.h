/*
 * Reading an image's layers entry by entry: tar headers, and their data where the visitor wants it.
 */
#ifndef VMBUILD_IMAGE_ENTRIES_H
#define VMBUILD_IMAGE_ENTRIES_H

#include <archive_entry.h>
#include <stddef.h>

#include "error.h"
#include "image.h"
#include "merged_tree.h"
#include "tar_reader.h"

/* Called with entry NUMBER (from 0) of layer LAYER (from 0); READER gives its data. */
typedef struct error *(*image_entry_visit)(void *context, size_t layer, size_t number,
                                           struct tar_reader *reader, struct archive_entry *entry);

/* Calls VISIT for each entry of each of IMAGE's layers, base first; all have their tar_path. Errors: EXIT_INPUT
 * where a layer is no valid tar, naming it; VISIT's. */
[[nodiscard]] struct error *image_each_entry(const struct image *image, image_entry_visit visit,
                                             void *context);

/* The merged tree of all of IMAGE's layers. *RET is the caller's. */
[[nodiscard]] struct error *image_merge(const struct image *image, struct merged_tree **ret);

#endif
