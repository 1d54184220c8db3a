/*
 * Writes the last layer of an image into a directory, as the layer builders of nixpkgs' dockerTools
 * do (mkPureLayer, mkRootLayer): layer.tar, json and VERSION, each as in a docker-archive.
 */
#ifndef VMBUILD_LAYER_FOLDER_WRITER_H
#define VMBUILD_LAYER_FOLDER_WRITER_H

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/store/store.h"

/* Fills FOLDER, an empty directory, with the last layer of IMAGE. A temporary layer is used up. A
 * tar that has to be made is kept in STORE. Errors: EXIT_INPUT (there is no layer), EXIT_DISK_FULL
 * (the output's or the cache's), EXIT_OTHER. */
[[nodiscard]] struct error *layer_folder_write(const struct image *image, struct store *store,
                                               const char *folder);

#endif
