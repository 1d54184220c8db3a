/*
 * The merged tree: what all layers of an image are together, as an index of paths. Entries are
 * applied layer by layer, base first, each with its place (layer and offset of its header in it).
 * Afterwards each path that is left leads to the place of the entry that won it; several paths to
 * one for hard links.
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
#include <stdint.h>

#include "host/lib/error.h"
#include "host/tree/path_tree.h"

/* Its paths are nodes of a path_tree: the owner is the layer that changed the path last, the data is
 * a struct merged_inode, or NULL for a folder that no layer has an entry for. */
struct merged_tree;

/* What an entry made. It lasts as long as a path leads to it. */
struct merged_inode {
    size_t layer;
    uint64_t offset; /* of the entry's header in the layer's tar */
    size_t paths;
    char *symlink; /* the target of a symlink, else NULL */
    char *first;   /* for the visitor: the path it was first met at; freed with the inode */
};

/* Returns one with nothing but its root; never NULL. */
struct merged_tree *merged_tree_new(void);

/* Applies ENTRY, whose header is at OFFSET of layer LAYER (from 0, never falling). Errors:
 * EXIT_INPUT (a path that leads out of the root, a hard link to nothing, beyond a limit). */
[[nodiscard]] struct error *merged_tree_apply(struct merged_tree *tree, size_t layer,
                                              uint64_t offset, struct archive_entry *entry);

typedef struct error *(*merged_visit)(void *context, struct path_node *node, const char *path);

/* Calls VISIT for each path: the root first, as ".", then folder by folder, each before what is in
 * it, sorted by bytes. PATH has no leading slash. Errors: the first of VISIT. */
[[nodiscard]] struct error *merged_tree_each(struct merged_tree *tree, merged_visit visit,
                                             void *context);

/* Whether there is something at PATH, in which no symlinks are followed. */
bool merged_tree_has(const struct merged_tree *tree, const char *path);

void merged_tree_free(struct merged_tree *tree);
static inline void merged_tree_freep(struct merged_tree **tree)
{
    merged_tree_free(*tree);
}

#endif
