/* What a file gets beside its data: owner, mode, extended attributes, ACLs, mtime. */
#ifndef VMBUILD_GUEST_UNPACK_METADATA_H
#define VMBUILD_GUEST_UNPACK_METADATA_H

#include "guest/tar/unpacking.h"

/* Reads the metadata of the entry at hand into TARGET, whose path is set. Returns 0, or -1 with the
 * fault. */
int unpack_metadata_read(struct unpacking *unpacking, struct target *target);

/* Gives what was made at TARGET its metadata; the mtime of a directory is set at the end. FD is a
 * regular file's, else -1. Returns 0, or -1 with errno. */
int unpack_metadata_set(struct unpacking *unpacking, const struct target *target, int fd);

#endif
