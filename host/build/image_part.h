/*
 * A part of an image, for `contents`: a file or a directory with all that is in it, as a tar in the
 * store, so that it is read as any other tarball (tree/contents.h). It is made of the layers, once
 * for each chain of them; nothing of the image becomes a file of the host.
 *
 *   derived/directory/KEY, derived/file/KEY   the tar; KEY is of the chain, the path and the name
 */
#ifndef VMBUILD_IMAGE_PART_H
#define VMBUILD_IMAGE_PART_H

#include <stdbool.h>

#include "host/image/image.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/store/store.h"

/* Sets *RET_TAR, the caller's, to the tar in STORE of what PATH leads to in IMAGE: of a directory
 * what is in it, and of another file a single entry called NAME. *RET_IS_FOLDER tells which.
 * Errors: EXIT_INPUT if there is nothing; EXIT_DISK_FULL, EXIT_OTHER. */
[[nodiscard]] struct error *image_part_find(struct image *image, const char *path, const char *name,
                                            struct store *store, char **ret_tar,
                                            bool *ret_is_folder);

/* Appends to RET the absolute paths that PATH, a pattern (lib/path_pattern.h), matches in IMAGE:
 * itself, if it is not one, or matches nothing and must not be that (IS_OPTIONAL). They are
 * remembered in STORE. Errors: EXIT_INPUT if there is nothing; EXIT_OTHER. */
[[nodiscard]] struct error *image_part_match(struct image *image, const char *path,
                                             bool is_optional, struct store *store,
                                             struct strings *ret);

#endif
