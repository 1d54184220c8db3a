/*
 * What a script in the image sees: the merged view as its root, with /dev, /proc, /sys, the shares
 * and the job's files mounted into it.
 *
 * Mount points that the image has not are not made in the layer, where they and the mtimes of their
 * folders would stay behind, but in a folder of their own (the "points"), which is put below the
 * image as another lower layer for as long as the script runs.
 *
 * Use: view_prepare while the plain view is mounted; where it finds points to be needed, that is
 * unmounted, to make room for a view with them, else it becomes the script's; then view_enter in
 * the script's mount namespace; view_finish when that namespace has gone and nothing is mounted.
 */
#ifndef VMBUILD_GUEST_VIEW_H
#define VMBUILD_GUEST_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/lib/fault.h"
#include "guest/lib/words.h"
#include "guest/tar/path.h"

/* Where the script stands while it runs: on /dev, which no script cleans out. */
#define VIEW_SCRIPT_FOLDER "/dev/vmbuild"

struct view_mount {
    const char *target; /* as asked for */
    const char *source; /* of a share: its tag; of a job's file: its name; else NULL */
    int (*mount)(const struct view_mount *mount, const char *path, struct fault *fault);
    bool is_file;
    struct path place; /* TARGET in the image, symbolic links followed */
};

struct view {
    struct view_mount *mounts;
    size_t count;
    bool has_points;
};

/* Plans the mounts, those of the shares in WORDS among them, and makes the points that are missing.
 * RET points into WORDS. Returns 0, or -1 with FAULT; view_free in any case. */
int view_prepare(const struct words *words, struct view *ret, struct fault *fault);

/* Mounts everything that is not yet, puts the job's file SCRIPT into VIEW_SCRIPT_FOLDER and makes
 * the view the process' root. In the namespaces of the script; SCRIPT may be NULL. Returns 0, or -1
 * with FAULT. */
int view_enter(const struct view *view, const char *script, struct fault *fault);

/* Mounts the shares in WORDS in the builder's environment, unless they lie over what a hook needs.
 * In the namespaces of the hook. Returns 0, or -1 with FAULT. */
int view_show_shares(const struct words *words, struct fault *fault);

/* Takes whiteouts of points, which hide nothing of the image, out of the layer. Returns 0, or -1
 * with FAULT. */
int view_finish(const struct view *view, struct fault *fault);

void view_free(struct view *view);

#endif
