/*
 * Packs the layer: the upper directory of the overlay as a tar, as OCI's layer specification has
 * it. Overlayfs' own marks become whiteouts: a 0:0 character device that hides a name of the image
 * becomes ".wh.NAME", a directory with the opaque attribute gets ".wh..wh..opq" if it hides a
 * directory of the image. Sockets are left out, with a note; one in the place of a name of the
 * image becomes ".wh.NAME".
 *
 * The bytes depend on the two trees alone: paths in ascending order of their bytes, owners as
 * numbers, mtimes not after a given time, no other times; PAX records (SCHILY.xattr) for extended
 * attributes, hard links to the first path. Files with holes are plain files, whose holes are
 * zeros: Docker's and Podman's tar-split cannot write a sparse entry again, and some readers of
 * layers do not know it.
 */
#ifndef VMBUILD_GUEST_PACK_H
#define VMBUILD_GUEST_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "guest/lib/fault.h"

struct pack_sink {
    /* Takes all LENGTH bytes; returns 0, or -1 to end the packing. */
    int (*write)(void *context, const void *bytes, size_t length);
    /* Takes LENGTH zeros, which nobody has to write; returns the same. */
    int (*skip)(void *context, uint64_t length);
    unsigned holes_max; /* GiB of all holes together */
    /* Takes a note for the user: TEXT and the path that it is about. */
    void (*note)(void *context, const char *text, const char *path);
    void *context;
};

/* Packs the directory LAYER, which lay over the directory IMAGE, into SINK; both are open for
 * reading. Mtimes after CLAMP (seconds since 1970) become CLAMP. Returns 0, or -1 with FAULT. */
int pack(int layer, int image, int64_t clamp, struct pack_sink sink, struct fault *fault);

#endif
