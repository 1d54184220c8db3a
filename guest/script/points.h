/*
 * Points: what a script's view has at the places of mounts that the image lacks. They are not made
 * in the layer, where they and the mtimes of their directories would stay behind, but in a separate
 * directory, which lies below the image as another lower layer for as long as the script runs.
 */
#ifndef VMBUILD_GUEST_POINTS_H
#define VMBUILD_GUEST_POINTS_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/lib/fault.h"

#define POINTS "/run/points"

/* Makes the directory of the points, if it is not there. Returns 0, or -1 with errno. */
int points_prepare(void);

/* Removes all points. Returns 0, or -1 with FAULT. */
int points_clear(struct fault *fault);

/* Makes the directory PLACE, a path without a slash at its start, below DIRECTORY, and those on the
 * way to it. Returns 0, or -1 with errno. */
int points_make(const char *directory, const char *place);

/* Makes the point PLACE, an empty file or, unless IS_FILE, a directory, for a mount in the view
 * that is open as ROOT. *RET_KNOWN is how many bytes of PLACE lead to a directory that ROOT has; 0:
 * none but ROOT itself. Returns 0, or -1 with errno. */
int points_add(int root, const char *place, bool is_file, size_t *ret_known);

/* Hides what is mounted at the point PLACE, a directory, from listings of the directory that it is
 * in. It is still found by its name: the mount holds the overlay's entry, which does not change
 * with the lower layer. Returns 0, or -1 with errno. */
int points_hide(const char *place);

/* Removes from the layer, open as LAYER, the empty directories on the way to PLACE that were
 * points: those beyond its first KNOWN bytes. A script that changes all that it finds, as chown -R
 * does, puts them there; those that it has made in their place stay. IS_FILE: PLACE itself is not
 * a directory. Returns 0, or -1 with errno. */
int points_forget(int layer, const char *place, bool is_file, size_t known);

#endif
