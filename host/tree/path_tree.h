/*
 * A tree of path names: who owns each path when several sources are laid over one another. Folders
 * merge; anything else replaces what stood there with all below it, and what comes to lie below a
 * non-folder turns that into an implied folder. Paths are relative, without "." or ".." parts.
 */
#ifndef VMBUILD_PATH_TREE_H
#define VMBUILD_PATH_TREE_H

#include <stdbool.h>
#include <stdint.h>

#define PATH_TREE_IMPLIED UINT64_MAX /* the owner of a folder that no source named */

struct path_node {
    char *name; /* the last part */
    struct path_node *parent;
    void *children; /* of tsearch, by name */
    bool is_folder;
    bool emitted;   /* for the caller: already written */
    uint64_t owner; /* the caller's number of the entry that won this path */
    void *data;     /* the caller's, of the winning entry; freed with free_data */
};

struct path_tree;

/* FREE_DATA frees a node's data when its entry loses the path or the tree goes; NULL: nothing to
 * free. */
struct path_tree *path_tree_new(void (*free_data)(void *data));

/* Gives PATH to entry OWNER. Returns its node; borrowed, valid until a later put replaces it. */
struct path_node *path_tree_put(struct path_tree *tree, const char *path, bool is_folder,
                                uint64_t owner);

/* Returns PATH's node, or NULL. */
struct path_node *path_tree_find(const struct path_tree *tree, const char *path);

/* NODE's path from the root, without a leading slash; the caller's. */
char *path_tree_path(const struct path_node *node);

void path_tree_free(struct path_tree *tree);
static inline void path_tree_freep(struct path_tree **tree)
{
    path_tree_free(*tree);
}

#endif
