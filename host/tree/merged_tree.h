/*
 * The merged tree: all layers of an image together, as an index of paths. Entries are applied layer
 * by layer, base first, each with its place (the layer, and the offset of its header there).
 * Afterwards each remaining path leads to the place of the entry that won it; for hard links,
 * several paths lead to one place.
 *
 * Rules (OCI image-spec, "Image Layer Filesystem Changeset"): directories merge, anything else
 * replaces what was there; `.wh.NAME` removes NAME, and `.wh..wh..opq` removes everything in its
 * directory, but only of lower layers, wherever in its own layer it is. A path that leads through a
 * symlink of a lower layer is resolved within the image's root, as in clients that unpack all
 * layers onto one tree. What the specification leaves open is done as Docker does it: a lower file,
 * or a symlink to one, gives way to a directory that is named only through what is below it; an
 * opaque marker does not follow its directory's symlink; a 0:0 character device is overlayfs' own
 * whiteout; aufs' files in the root are left out, but hard links may lead to those in .wh..wh.plnk.
 * The guest's unpack.h has the same rules.
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

/* Its paths are nodes of a path_tree: the owner is the layer that changed the path last, the data
 * is a struct merged_inode, or NULL for a directory for which no layer has an entry. */
struct merged_tree;

/* What an entry made. It lasts as long as a path leads to it. */
struct merged_inode {
    size_t layer;
    uint64_t offset; /* of the entry's header in the layer's tar */
    uint64_t size;   /* of its data */
    size_t paths;
    char *symlink; /* the target of a symlink, else NULL */
    char *first;   /* for the visitor: the path where it was first met; freed with the inode */
};

/* Returns a tree with nothing but its root; never NULL. */
struct merged_tree *merged_tree_new(void);

/* Applies ENTRY, whose header is at OFFSET of layer LAYER (from 0, never decreasing). Errors:
 * EXIT_INPUT (a path outside the root, a hard link to nothing, a limit exceeded). */
[[nodiscard]] struct error *merged_tree_apply(struct merged_tree *tree, size_t layer,
                                              uint64_t offset, struct archive_entry *entry);

typedef struct error *(*merged_visit)(void *context, struct path_node *node, const char *path);

/* Calls VISIT for each path: the root first, as ".", then directory by directory, each before what
 * is in it, sorted by bytes. PATH has no leading slash. Errors: the first of VISIT. */
[[nodiscard]] struct error *merged_tree_each(struct merged_tree *tree, merged_visit visit,
                                             void *context);

/* The same for what is in the directory TOP alone, in paths from there. The tree must not have
 * entries of aufs any more (merged_tree_find). */
[[nodiscard]] struct error *merged_tree_each_in(struct path_node *top, merged_visit visit,
                                                void *context);

/* Sets *RET to what PATH leads to in a running image, borrowed: symlinks are followed within the
 * root, the last one too. NULL: there is nothing. No layer is applied afterwards. Errors:
 * EXIT_INPUT (too many symlinks). */
[[nodiscard]] struct error *merged_tree_find(struct merged_tree *tree, const char *path,
                                             struct path_node **ret);

/* Returns the root, borrowed. */
const struct path_node *merged_tree_root(const struct merged_tree *tree);

/* Whether there is something at PATH, in which no symlinks are followed. */
bool merged_tree_has(const struct merged_tree *tree, const char *path);

/* The same for a directory. */
bool merged_tree_has_folder(const struct merged_tree *tree, const char *path);

void merged_tree_free(struct merged_tree *tree);
static inline void merged_tree_freep(struct merged_tree **tree)
{
    merged_tree_free(*tree);
}

#endif
