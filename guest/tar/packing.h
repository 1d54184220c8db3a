/*
 * A layer being packed: the tar that is written, the entry that is made, and the place in the tree.
 * pack.h walks the tree, pack_entry.h makes the entries, pack_data.h writes their data; they share
 * this structure, which belongs to pack().
 */
#ifndef VMBUILD_GUEST_PACKING_H
#define VMBUILD_GUEST_PACKING_H

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>

#include "guest/lib/fault.h"
#include "guest/tar/attributes.h"
#include "guest/tar/links.h"
#include "guest/tar/pack.h"
#include "guest/tar/path.h"

#define ATTRIBUTES_XATTR_MAX                                                                       \
    (64u << 10) /* the kernel's own limit, of a value and of a list of names */
#define PACKING_READ_SIZE (1u << 20)
#define PACKING_ZEROS_SIZE (1ull << 30)

struct packing {
    struct archive *archive;
    struct archive_entry *entry;
    struct pack_sink sink;
    struct fault *fault;
    int64_t clamp; /* the latest mtime, seconds since 1970 */
    struct links links;
    uint64_t holes;    /* bytes of all so far */
    struct path path;  /* of what is packed */
    char *buffer;      /* PACKING_READ_SIZE bytes */
    const char *zeros; /* PACKING_ZEROS_SIZE bytes without memory, for holes */
    char names[ATTRIBUTES_XATTR_MAX];
    char value[ATTRIBUTES_XATTR_MAX];
};

/* Makes a new packing whose tar goes to SINK; FAULT stays the caller's. Returns NULL with FAULT if
 * memory is short or libarchive refuses. */
struct packing *packing_new(int64_t clamp, struct pack_sink sink, struct fault *fault);

/* Ends the tar. Returns 0, or -1 with the fault. */
int packing_finish(struct packing *packing);

/* Frees PACKING. A tar that was not finished gets no regular end. */
void packing_free(struct packing *packing);

/* Set the fault for what is packed: with errno as its cause, or libarchive's own words. Return
 * -1. */
int packing_fail(struct packing *packing);
int packing_archive_fail(struct packing *packing);

#endif
