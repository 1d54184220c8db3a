/* The data of a regular file in the layer's tar. Holes are found, not read. */
#ifndef VMBUILD_GUEST_PACK_DATA_H
#define VMBUILD_GUEST_PACK_DATA_H

#include <stdbool.h>
#include <sys/types.h>

#include "guest/tar/packing.h"

/* Writes the data of FD, of SIZE bytes; HOLES: it may have holes. Returns 0, or -1 with the fault.
 */
int pack_data_write(struct packing *packing, int fd, off_t size, bool holes);

#endif
