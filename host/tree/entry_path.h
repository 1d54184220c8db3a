/*
 * The names of entries as they stand in a tree: relative, without empty, "." or ".." parts.
 */
#ifndef VMBUILD_ENTRY_PATH_H
#define VMBUILD_ENTRY_PATH_H

/* Returns PATH made relative and without empty and "." parts; "" for the root. NULL if it has a
 * ".." part. The caller's. */
char *entry_path_clean(const char *path);

#endif
