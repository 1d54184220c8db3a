/*
 * Applies a tar to the tree that the process is chrooted into: an image's layer, or a spec's
 * contents. The tar is hostile; the chroot keeps it inside the tree, and an entry that cannot be
 * applied is an error that names its path.
 *
 * Whiteouts follow OCI's layer specification: ".wh.NAME" deletes NAME, ".wh..wh..opq" empties its
 * directory, both only of what came from lower layers, wherever in the tar they stand (purge.h). A
 * 0:0 character device, overlayfs' own whiteout, deletes what has its name, as with Docker. Other
 * names that begin with ".wh..wh." are AUFS' own and ignored, but hard links may lead to what is in
 * ".wh..wh.plnk". An entry replaces a file of another kind; a directory that meets a directory
 * takes over its contents and none of its metadata, as with umoci and containerd.
 */
#ifndef VMBUILD_GUEST_UNPACK_H
#define VMBUILD_GUEST_UNPACK_H

#include "guest/lib/fault.h"

enum unpack_kind {
    UNPACK_LOWEST_LAYER, /* below it is nothing that a whiteout could delete */
    UNPACK_LAYER,
    UNPACK_CONTENTS, /* names that begin with ".wh." have no meaning */
};

/* Unpacks the uncompressed tar that SOURCE reads, which may be a disk opened with O_DIRECT. The
 * umask has to be 0. Returns 0, or -1 with FAULT, whose code is 0 or that of the system call that
 * failed; see unpack_is_disks_fault. */
int unpack(int source, enum unpack_kind kind, struct fault *fault);

/* The same for UNPACK_CONTENTS, if the tree lies over the tree BASE, a directory open for reading:
 * directories without an entry are made as they are there. */
int unpack_over(int source, int base, struct fault *fault);

/* Returns whether an error with this code is due to the disk or the machine, not to the tar. */
int unpack_is_disks_fault(int code);

#endif
