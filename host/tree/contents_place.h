/*
 * Where an entry of contents comes to lie: at its own path, unless that leads through symlinks.
 *
 * What counts is what a running image would show: what was laid so far, over the base image. A
 * symlink on the way to an entry, or at the path of an entry that is a directory, is followed
 * within the image's root, as chroot(2) would, and has to lead to a directory. An entry of any
 * other kind replaces what is at its path, a symlink included. The target of what is copied as COPY
 * does it is followed first (contents_places_follow), to a file or to what is not there yet.
 */
#ifndef VMBUILD_CONTENTS_PLACE_H
#define VMBUILD_CONTENTS_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/tree/link_group.h"
#include "host/tree/merged_tree.h"
#include "host/tree/path_tree.h"

/* Returns the paths of the image below, borrowed. It is called only if they matter. */
typedef struct error *(*contents_base)(void *context, const struct merged_tree **ret);

/* The data of a node of the tree that is being laid; NULL if all of it would be. */
struct contents_node {
    struct link_group *group; /* of a file with several names; borrowed */
    char *symlink;            /* the target of a symlink */
};

/* Releases DATA, a struct contents_node: for path_tree_new. */
void contents_node_free(void *data);

struct contents_places {
    struct path_tree *tree; /* what was laid so far, with contents_node as data */
    contents_base base;     /* NULL: no image is below */
    void *base_context;
    uint64_t replaceable; /* files of this owner and later ones give way to directories: a tarball
                             may have several entries of one name */

    /* The directory that was found last; NULL if none was. */
    char *named, *found;
};

/* Sets *RET, which the caller frees, to where PATH lies: a path from the root, without symlinks and
 * without a leading slash, or "" for the root. What lies there or above may not exist yet. Errors:
 * EXIT_INPUT if something on the way, or at PATH if IS_FOLDER, is neither a directory nor a symlink
 * that leads to one, naming it; and those of the base. */
[[nodiscard]] struct error *contents_places_find(struct contents_places *places, const char *path,
                                                 bool is_folder, char **ret);

/* Sets *RET, which the caller frees, to where PATH leads if each symlink is followed, also one at
 * its end: a path as that of contents_places_find. What is missing, or not a directory, is as it is
 * named. Errors: EXIT_INPUT if there are too many symlinks; those of the base. */
[[nodiscard]] struct error *contents_places_follow(struct contents_places *places, const char *path,
                                                   char **ret);

/* Sets *RET to whether PATH leads to a directory that is there. Errors: those of the base. */
[[nodiscard]] struct error *contents_places_has_folder(struct contents_places *places,
                                                       const char *path, bool *ret);

/* Releases what PLACES has found, but not its tree. */
void contents_places_free(struct contents_places *places);

#endif
