/* Deleting trees. */
#ifndef VMBUILD_GUEST_TREE_H
#define VMBUILD_GUEST_TREE_H

#include "guest/tar/seen.h"

/* Deletes NAME in DIRECTORY with everything below it; if there is nothing, that is not an error.
 * Unless SEEN is NULL, names in SEEN stay, and a directory among them keeps what is in SEEN as
 * well; FOLDER is the inode number of DIRECTORY. Returns 0, or -1 with errno. */
int tree_delete(int directory, const char *name, const struct seen *seen, uint64_t folder);

/* The same for everything in DIRECTORY. */
int tree_empty(int directory, const struct seen *seen);

#endif
