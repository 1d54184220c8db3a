/* Deleting trees. */
#ifndef VMBUILD_GUEST_TREE_H
#define VMBUILD_GUEST_TREE_H

#include "guest/tar/seen.h"

/* Deletes NAME in the folder DIRECTORY with all below it. Nothing there is not an error. Where SEEN
 * is not NULL, names in it stay, and of a folder among them all stays that is in it as well; FOLDER
 * is DIRECTORY's inode number then. Returns 0, or -1 with errno. */
int tree_delete(int directory, const char *name, const struct seen *seen, uint64_t folder);

/* The same for all that the folder DIRECTORY holds. */
int tree_empty(int directory, const struct seen *seen);

#endif
