/*
 * The merged tree: what all layers of an image are together, as an index of paths. Entries are
 * applied layer by layer, base first, each with its place (layer and number of the entry in it).
 * Afterwards each path that is left leads to the place of the entry that won it, and each place to
 * the paths that are left of it: more than one for hard links, none where a later layer replaced or
 * removed it.
 *
 * Rules (OCI image-spec, "Image Layer Filesystem Changeset"): folders merge, anything else replaces
 * what was there; `.wh.NAME` removes NAME, and `.wh..wh..opq` all in its folder, of lower layers
 * only, wherever in its own layer it stands. A path that leads through a symlink of a lower layer
 * is resolved within the image's root, as clients that unpack onto one tree do.
 *
 * Nothing here touches a file system. Names are bytes.
 */
#ifndef VMBUILD_MERGED_TREE_H
#define VMBUILD_MERGED_TREE_H

#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>

#include "error.h"

struct merged_tree;

/* A path. */
struct merged_node {
    char *name; /* the last part; of the root "" */
    struct merged_node *parent;
    bool is_folder;
    bool is_written; /* for the caller */

    size_t layer;                        /* that it was last changed in */
    struct merged_inode *inode;          /* NULL: a folder that no layer has an entry for */
    struct merged_node *next, *previous; /* paths of the same inode */
    void *children;                      /* of tsearch, by name */
};

/* What an entry with a place made. */
struct merged_inode {
    struct merged_node *names; /* its paths, in the order they came; NULL: none are left */
    struct merged_node *last;
    char *symlink;                /* the target of a symlink */
    struct archive_entry *folder; /* the entry of a folder, which may be wanted before its place
                                     comes up */
};

struct merged_tree *merged_tree_new(void);

/* Applies ENTRY, the next of layer LAYER (from 0, never falling). Errors: EXIT_INPUT (a path that
 * leads out of the root, a hard link to nothing, beyond a limit). */
[[nodiscard]] struct error *merged_tree_apply(struct merged_tree *tree, size_t layer,
                                              struct archive_entry *entry);

/* What entry NUMBER (from 0) of LAYER made, or NULL where it made nothing: whiteouts, hard links.
 * Borrowed. */
struct merged_inode *merged_tree_at(const struct merged_tree *tree, size_t layer, size_t number);

struct merged_node *merged_tree_root(struct merged_tree *tree);

/* The node at PATH, of which only whole parts count (no symlinks are followed), or NULL. */
struct merged_node *merged_tree_find(const struct merged_tree *tree, const char *path);

/* NODE's path from the root without a leading slash, "." for the root; the caller's. */
char *merged_node_path(const struct merged_node *node);

void merged_tree_free(struct merged_tree *tree);
static inline void merged_tree_freep(struct merged_tree **tree)
{
    merged_tree_free(*tree);
}

#endif
