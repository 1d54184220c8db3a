/*
 * What the two passes over the sources of contents share (contents.h): the first gives each path to
 * an entry (contents_index.h), the second writes those that have one.
 */
#ifndef VMBUILD_CONTENTS_MERGE_H
#define VMBUILD_CONTENTS_MERGE_H

#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/tree/contents.h"
#include "host/tree/contents_place.h"
#include "host/tree/contents_source.h"
#include "host/tree/contents_target.h"
#include "host/tree/link_group.h"
#include "host/tree/path_tree.h"

/* An entry that lies elsewhere than its own path leads, since that goes through symlinks. */
struct contents_moved {
    uint64_t number;
    char *path;
};

/* What the first pass found of a source, for the second. */
struct contents_found {
    uint64_t first_number; /* of its entries */
    uint64_t names_hash;
};

/* The state of both passes over the sources. */
struct contents_merge {
    const struct contents *contents;
    struct path_tree *tree;
    struct path_tree *excluded; /* names in the source that are left out, with contents_node as
                                 * data: others may be links to them */
    struct contents_places places;
    struct link_groups groups;
    struct contents_moved *moved; /* in the order of their numbers */
    size_t moved_count, moved_capacity;
    struct contents_found
        *found; /* of each source: the closure's first, then those of `contents` */

    const struct contents_source *source; /* being visited */
    char *followed;                       /* where its target leads; NULL: that is not known yet */
    uint64_t scope;                       /* see struct link_key */
    uint64_t first_number;                /* of the source's entries */
    uint64_t closure_number;              /* the first of the closure's entries */
    uint64_t entry_number;                /* over all sources; the owner of a path in the tree */
    uint64_t names_hash;                  /* of the source's names up to here */

    struct contents_target *target;
};

/* Counts an entry of the current source, whose name is NAME. Returns its number. */
uint64_t contents_merge_begin_entry(struct contents_merge *merge, const char *name);

/* Returns the path of SOURCE's NAME, symlinks not considered. The caller's. */
char *contents_merge_own_path(const struct contents_source *source, const char *name);

/* Remembers for the second pass that entry NUMBER lies at PATH, which is copied. */
void contents_merge_move(struct contents_merge *merge, uint64_t number, const char *path);

/* Returns where entry NUMBER, whose own path is PATH, lies. The caller's. */
char *contents_merge_place(const struct contents_merge *merge, uint64_t number, const char *path);

/* Sets *RET to whether the image below has PATH. Errors: those of the contents' base. */
[[nodiscard]] struct error *contents_merge_base_has(const struct contents_merge *merge,
                                                    const char *path, bool *ret);

/* The same, as a directory. */
[[nodiscard]] struct error *contents_merge_base_has_folder(const struct contents_merge *merge,
                                                           const char *path, bool *ret);

/* Returns the group of the file DEVICE, INODE in the current scope, or NULL. MAKE: adds one. */
struct link_group *contents_merge_group(struct contents_merge *merge, uint64_t device,
                                        uint64_t inode, bool make);

/* Returns the group of ENTRY, a directory's file, if it has more than one name, or NULL. MAKE: adds
 * one. */
struct link_group *contents_merge_inode_group(struct contents_merge *merge,
                                              struct archive_entry *entry, bool make);

/* Returns what NODE's file has beside its path; made if there is none. NODE's. */
struct contents_node *contents_node_data(struct path_node *node);

/* Returns the group of NODE's file, or NULL. */
struct link_group *contents_node_group(const struct path_node *node);

/* Releases what MERGE owns: all but its contents, sources and target. */
void contents_merge_free(struct contents_merge *merge);

#endif
