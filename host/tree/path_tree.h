/*
 * A tree of path names: what is at each path when several things are laid over one another, sources
 * over sources (contents.h) or layers over layers (merged_tree.h). Names are bytes. Nothing here
 * touches a file system, and no symlink is followed.
 */
#ifndef VMBUILD_PATH_TREE_H
#define VMBUILD_PATH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_TREE_IMPLIED UINT64_MAX /* the owner of a directory that was never named */

struct path_node {
    char *name; /* the last part; of the root "" */
    struct path_node *parent;
    void *children; /* of tsearch, by name */
    bool is_folder;
    bool emitted;   /* for the caller: already written */
    uint64_t owner; /* the caller's number of what is at this path */
    void *data;     /* the caller's; released with the node */
};

struct path_tree;

/* Returns a tree with nothing but its root, an implied directory; never NULL. RELEASE is called for
 * the data (not NULL) of each node that goes; NULL: the data is not the tree's. */
struct path_tree *path_tree_new(void (*release)(void *data));

/* Returns the root, borrowed. */
struct path_node *path_tree_root(struct path_tree *tree);

/* Gives PATH, which has no "." or ".." parts, to OWNER. Directories merge; anything else replaces
 * what was there with all below it, and what is put below something else turns that into an implied
 * directory. Returns the path's node, whose data is NULL; borrowed, valid until a later put
 * replaces it. */
struct path_node *path_tree_put(struct path_tree *tree, const char *path, bool is_folder,
                                uint64_t owner);

/* Returns PATH's node, or NULL. */
struct path_node *path_tree_find(struct path_tree *tree, const char *path);

/* Returns the child of FOLDER whose name is the LENGTH bytes at NAME, or NULL. */
struct path_node *path_tree_child(const struct path_node *folder, const char *name, size_t length);

/* Adds a directory of that name, which FOLDER does not contain yet. Returns it, borrowed. */
struct path_node *path_tree_add(struct path_node *folder, const char *name, size_t length,
                                uint64_t owner);

/* Removes NODE, which is not the root, with all below it. */
void path_tree_remove(struct path_tree *tree, struct path_node *node);

/* Removes all below NODE. */
void path_tree_clear(struct path_tree *tree, struct path_node *node);

/* Some nodes; a zeroed one is empty. */
struct path_nodes {
    struct path_node **items; /* borrowed */
    size_t count, capacity;
};

void path_nodes_add(struct path_nodes *nodes, struct path_node *node);

/* Appends FOLDER's children to RET, sorted by name. */
void path_tree_children(const struct path_node *folder, struct path_nodes *ret);

void path_nodes_free(struct path_nodes *nodes);

/* A walk to all below a node, in order, whatever its depth. It is freed with path_walk_free. */
struct path_walk {
    const struct path_node *entered; /* whose children come next; NULL: none */
    struct path_level {
        struct path_nodes nodes; /* the children of one on the way */
        size_t next;
    } * levels;
    size_t count, capacity;
};

/* Starts a walk below FOLDER. */
void path_walk_start(const struct path_node *folder, struct path_walk *ret);

/* Returns the next node, or NULL at the end, after which it must not be called again. It returns
 * each node twice: before those below it, and then, with *RET_LEAVES, after them; then it may be
 * removed. */
struct path_node *path_walk_next(struct path_walk *walk, bool *ret_leaves);

void path_walk_free(struct path_walk *walk);

/* Returns NODE's path from the root, without a leading slash; the caller's. */
char *path_tree_path(const struct path_node *node);

void path_tree_free(struct path_tree *tree);
static inline void path_tree_freep(struct path_tree **tree)
{
    path_tree_free(*tree);
}

#endif
