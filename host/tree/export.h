/*
 * Export: all layers of an image merged into one tar stream.
 *
 * It needs no VM. What makes a build step need one is running foreign code as root on a real file
 * system; here tar headers are only read, compared and written again, so nothing of the image ever
 * becomes a file on the host, and no right that the user lacks (owners, devices, capabilities) is
 * needed to name it in a header. It is also much faster: the layers are read twice, once by their
 * headers alone to see which entry wins each path (merged_tree.h), once to copy the winners.
 *
 * The stream depends on the layers' bytes alone. Entries are sorted, folders before what is in
 * them, so that unpackers that set a folder's time when they leave it set it last. Owners are
 * numbers only; access and change times are left out. Folders that no layer has an entry for are
 * root's, 0755.
 */
#ifndef VMBUILD_EXPORT_H
#define VMBUILD_EXPORT_H

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"

/* Writes IMAGE, all of whose layers have their tar_path, into SINK. Errors: EXIT_INPUT (a layer is
 * no valid tar, or names paths out of the root), and SINK's. */
[[nodiscard]] struct error *export_write(const struct image *image, struct sink sink);

#endif
