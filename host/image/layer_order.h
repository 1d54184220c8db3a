/*
 * Whether the entries of a layer come as the guest packs them (guest/tar/pack.h): with the bytes of
 * their paths ascending, directories as if they ended in "/", and each directory before what is in
 * it. Other tars are layers, too, but what our packer would not have written is a lie of the guest,
 * and each of these is one about which the readers of layers disagree:
 *
 *   a path that is there twice, also as a file and as a directory
 *                                  Docker has its last entry, and a scanner of layers the first
 *   an entry through a symlink, or in a directory for which there is no entry
 *                                  it lies where the symlink of this or a lower layer leads, and
 *                                  for a reader that resolves it wrongly, outside of the image
 *   a hard link to what was not there before
 *                                  to clients the layer is broken, or shares a file with a lower
 *                                  one, which the packer never does
 *   "a//b", "a/./b"                other names of what may be there already
 *   a whiteout of ".", ".." or of no name, or of another whiteout, or one that is not an empty file
 *                                  removes its own directory or the one above, or something else
 *                                  with each reader
 *
 * Takes eight bytes for each file, and otherwise as much as the longest path.
 */
#ifndef VMBUILD_LAYER_ORDER_H
#define VMBUILD_LAYER_ORDER_H

#include "host/lib/error.h"
#include "host/tar/tar_entry.h"

struct layer_order;

/* Never returns NULL. */
struct layer_order *layer_order_new(void);

/* Takes the next ENTRY, whose path is relative and without "..". Errors: EXIT_INPUT, naming it. */
[[nodiscard]] struct error *layer_order_add(struct layer_order *order,
                                            const struct tar_entry *entry);

/* Accepts NULL. */
void layer_order_free(struct layer_order *order);

#endif
