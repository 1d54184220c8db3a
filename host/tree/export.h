/*
 * Export: all layers of an image merged into one tar stream.
 *
 * It needs no VM. A build step needs one because it runs foreign code as root on a real file
 * system; here tar headers are only read, compared and written again, so nothing of the image ever
 * becomes a file on the host, and naming owners, devices or capabilities in a header needs no
 * privileges. It is also much faster: the layers are read twice, once by their headers alone to
 * find which entry wins each path (merged_tree.h), and once to copy the winners.
 *
 * The stream depends on the layers' bytes alone. Entries are sorted, directories before what is in
 * them, so that a program that sets a directory's time on leaving it sets it last. Owners are
 * numbers only; access and change times are left out. Directories for which no layer has an entry
 * belong to root, with mode 0755.
 */
#ifndef VMBUILD_EXPORT_H
#define VMBUILD_EXPORT_H

#include <stdbool.h>

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"

/* Writes IMAGE, all of whose layers have their tar_path, into SINK, and shows its bytes as those of
 * the current stage. Errors: EXIT_INPUT (a layer is not a valid tar, or has paths outside the
 * root), and those of SINK. */
[[nodiscard]] struct error *export_write(const struct image *image, struct sink sink);

/* The same for what PATH leads to in IMAGE alone: of a directory, itself as "." and what is in it
 * by paths from there, or else a single entry called NAME. *RET_IS_FOLDER tells which. A file whose
 * other names are elsewhere is not a link. Errors: EXIT_INPUT if there is nothing, too. */
[[nodiscard]] struct error *export_write_part(const struct image *image, const char *path,
                                              const char *name, struct sink sink,
                                              bool *ret_is_folder);

#endif
