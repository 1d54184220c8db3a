/* Deleting trees. */
#ifndef VMBUILD_GUEST_TREE_H
#define VMBUILD_GUEST_TREE_H

/* Deletes NAME in DIRECTORY with everything below it; if there is nothing, that is not an error.
 * Returns 0, or -1 with errno. */
int tree_delete(int directory, const char *name);

/* Deletes everything in DIRECTORY. Returns 0, or -1 with errno. */
int tree_empty(int directory);

#endif
