/* The files of the layer that have several names, with the first that was packed of each. */
#ifndef VMBUILD_GUEST_LINKS_H
#define VMBUILD_GUEST_LINKS_H

#include <stddef.h>
#include <stdint.h>

struct link_slot {
    uint64_t inode;
    char *path; /* NULL: free */
};

/* Zero-initialised, it is empty. */
struct links {
    struct link_slot *slots;
    size_t used;
    size_t room; /* 0 or a power of 2 */
};

/* Returns the path under which INODE was first seen, valid until links_free, or NULL, in which case
 * PATH is kept as that. *RET_ERROR is -1 if memory is short, else 0. */
const char *links_first(struct links *links, uint64_t inode, const char *path, int *ret_error);
/* Frees what it holds; it is empty afterwards. */
void links_free(struct links *links);

#endif
