/*
 * The names that the layer being unpacked has put into the tree, so that its whiteouts delete only
 * what the layers below it brought, wherever they stand in the tar. A name is identified by the
 * inode number of its folder and its own bytes; the set keeps a 64-bit hash of both.
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

/* Returns 0, or -1 when memory is short. */
int seen_add(struct seen *seen, uint64_t folder, const char *name);
/* Whether it was added: two names in 2^64 are taken for one. */
bool seen_has(const struct seen *seen, uint64_t folder, const char *name);
void seen_free(struct seen *seen);

#endif
