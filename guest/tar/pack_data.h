/*
 * The data of a regular file in the layer's tar. Of a file with holes only the data between them is
 * stored, with a map of it.
 */
#ifndef VMBUILD_GUEST_PACK_DATA_H
#define VMBUILD_GUEST_PACK_DATA_H

#include <sys/types.h>

#include "guest/tar/packing.h"

/* Adds to the entry, whose header is not written yet, where FD, a file of SIZE bytes, has data, if
 * it has holes. Returns 0, or -1 with errno. */
int pack_data_map(struct packing *packing, int fd, off_t size);

/* Writes the data of FD, of SIZE bytes, as the entry has it. Returns 0, or -1 with the fault. */
int pack_data_write(struct packing *packing, int fd, off_t size);

#endif
