/*
 * One entry of the layer's tar but for its data: attributes, extended attributes, header. An entry
 * is begun, gets what its kind needs, and is written; the next one begins anew.
 */
#ifndef VMBUILD_GUEST_PACK_ENTRY_H
#define VMBUILD_GUEST_PACK_ENTRY_H

#include <sys/stat.h>
#include <sys/types.h>

#include "guest/tar/packing.h"

/* Begins the entry of packing->path, with what STATUS tells of it. */
void pack_entry_begin(struct packing *packing, const struct stat *status);

/* Adds the extended attributes of NAME in the directory FOLDER, but not overlayfs' own. FOLDER
 * becomes the working directory. Returns 0, or -1 with the fault. */
int pack_entry_add_xattrs(struct packing *packing, int folder, const char *name);

/* Reads the extended attributes of the directory FD as one string of bytes to compare; the entry is
 * changed. Returns its length, with *RET, which the caller frees, or -1 with the fault. */
ssize_t pack_entry_read_xattrs(struct packing *packing, int fd, char **ret);

/* Makes the entry a symbolic link as NAME in FOLDER. Returns 0, or -1 with errno. */
int pack_entry_set_symlink(struct packing *packing, int folder, const char *name);

/* Writes the entry's header. Returns 0, or -1 with the fault. */
int pack_entry_write(struct packing *packing);

#endif
