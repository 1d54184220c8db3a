/*
 * Applies a tar to the tree that the process is chrooted into: an image's layer, or a spec's
 * contents. The tar is hostile; the chroot keeps it inside the tree, and what cannot be done with
 * it is an error that names the path.
 *
 * Whiteouts follow OCI's layer specification: ".wh.NAME" deletes NAME, ".wh..wh..opq" empties its
 * folder, both only of what lower layers brought, wherever in the tar they stand; other names that
 * begin with ".wh..wh." are ignored. An entry that meets another kind of file replaces it, a folder
 * that meets a folder takes over its contents and none of its attributes, as umoci and containerd
 * do it.
 */
#ifndef VMBUILD_GUEST_UNPACK_H
#define VMBUILD_GUEST_UNPACK_H

#include "guest/lib/fault.h"

enum unpack_kind {
    UNPACK_LOWEST_LAYER, /* nothing is below that a whiteout could delete */
    UNPACK_LAYER,
    UNPACK_CONTENTS, /* names that begin with ".wh." are nothing special */
};

/* Unpacks the uncompressed tar that SOURCE reads, which may be a disk open with O_DIRECT. The umask
 * has to be 0. Returns 0, or -1 with FAULT: its code is 0 or that of a system call which the tar
 * asked for in vain; see unpack_is_disks_fault. */
int unpack(int source, enum unpack_kind kind, struct fault *fault);

/* The same for UNPACK_CONTENTS, where the tree lies over the tree BASE, a folder open for reading:
 * folders that no entry names are as they are there. */
int unpack_over(int source, int base, struct fault *fault);

/* Whether an error with this code is the disk's or the machine's, not the tar's. */
int unpack_is_disks_fault(int code);

#endif
