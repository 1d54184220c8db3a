/*
 * The names that the layer being unpacked has put into the tree, so that its whiteouts delete only
 * what came from the layers below it, wherever they stand in the tar. A name is identified by the
 * inode number of its directory and its bytes; the set keeps a 64-bit hash of both.
 */
#ifndef VMBUILD_GUEST_SEEN_H
#define VMBUILD_GUEST_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised, it is empty. */
struct seen {
    uint64_t *slots; /* 0: free */
    size_t used;
    size_t room; /* 0 or a power of 2 */
};

/* Adds NAME in FOLDER. Returns 0, or -1 if memory is short. */
int seen_add(struct seen *seen, uint64_t folder, const char *name);
/* Returns whether it was added; the odds that it is taken for another name are 1 in 2^64. */
bool seen_has(const struct seen *seen, uint64_t folder, const char *name);
void seen_free(struct seen *seen);

#endif
