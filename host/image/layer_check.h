/*
 * Checks whether a tar is a layer that this program may pass on: what the guest sends is not
 * trusted. Paths are relative, without `..`, and of limited length; types are those that layers
 * have; no file is stored as a sparse one (layer_holes.h); owners, modes, device
 * numbers and sizes are in range; the archive ends correctly, with nothing after its end.
 *
 * A guest's layer must also be in the order of the guest's packer (layer_order.h), and no larger
 * than what its disk can hold; its holes lie in files. A file may have holes that are larger than
 * the disk: that of lastlog, with a huge user ID, is legitimate. What they cost is limited for all
 * of a layer (GUEST_LAYER_HOLES_MAX_GIB), before they get here.
 */
#ifndef VMBUILD_LAYER_CHECK_H
#define VMBUILD_LAYER_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/lib/secret.h"

#define LAYER_PATH_MAX (64u << 10) /* bytes; the guest may go beyond PATH_MAX step by step */

struct layer_check;

/* Never returns NULL. */
struct layer_check *layer_check_new(void);

/* The layer will come from a guest whose disk has DISK_SIZE bytes. To be called before anything is
 * written. */
void layer_check_expect_guest(struct layer_check *check, uint64_t disk_size);

/* SECRETS, borrowed, must not be in the layer: not in the data, names, links and extended
 * attributes of its entries. To be called before anything is written. */
void layer_check_forbid(struct layer_check *check, const struct secrets *secrets);

/* Takes LENGTH zeros, which come from a file's hole (layer_holes.h). Errors: as for
 * layer_check_write. */
[[nodiscard]] struct error *layer_check_skip(struct layer_check *check, uint64_t length);

/* Takes the next bytes of the tar. Errors: EXIT_INPUT, naming the entry;
 * EXIT_SCRIPT if it has a secret. */
[[nodiscard]] struct error *layer_check_write(struct layer_check *check, const void *bytes,
                                              size_t length);

/* To be called at the end of the tar. Errors: as above. CHECK is still to be freed. */
[[nodiscard]] struct error *layer_check_finish(struct layer_check *check);

void layer_check_free(struct layer_check *check);

#endif
