/*
 * An image's last layer as a folder of layer.tar, json and VERSION: what dockerTools' mkPureLayer and
 * mkRootLayer made.
 */
#ifndef VMBUILD_LAYER_FOLDER_WRITER_H
#define VMBUILD_LAYER_FOLDER_WRITER_H

#include "error.h"
#include "image.h"
#include "store.h"

/* Fills FOLDER, which is empty. Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *layer_folder_write(const struct image *image, struct store *store,
                                               const char *folder);

#endif
