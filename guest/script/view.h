/*
 * What a script in the image sees: the merged view as its root, with /dev, /proc, /sys, the
 * shares, the secrets (vault.h), the script's own mounts (own_mount.h) and the kernel's modules
 * (modules.h) mounted into it, the stand-ins (stand_in.h) as another lower layer above the image,
 * and the points of mounts that the image lacks (points.h) as one below it.
 *
 * Use: view_prepare while the plain view is mounted; unmount that; view_put; view_enter in the
 * script's mount namespace; and view_finish once that namespace is gone and nothing is mounted.
 */
#ifndef VMBUILD_GUEST_VIEW_H
#define VMBUILD_GUEST_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/contract.h"
#include "guest/lib/fault.h"
#include "guest/lib/words.h"
#include "guest/script/mount_word.h"
#include "guest/script/stand_in.h"
#include "guest/tar/path.h"

/* Where the script lies while it runs: below /dev, which no script cleans out. */
#define VIEW_SCRIPT_FOLDER GUEST_JOB_VIEW_DIR

/* There as well, for a session that asks for it: the builder's busybox, and its applets. */
#define VIEW_RESCUE VIEW_SCRIPT_FOLDER "/busybox"
#define VIEW_RESCUE_FOLDER VIEW_SCRIPT_FOLDER "/bin"

struct view_mount {
    const char *target;           /* as the user named it */
    const char *source;           /* the tag of a share, or a file of the job; else NULL */
    const struct mount_word *own; /* a mount of the script's own; else NULL */
    int (*mount)(const struct view_mount *mount, const char *path, struct fault *fault);
    bool is_file;      /* else a directory */
    bool is_nested;    /* its place is in that of a mount before it */
    bool is_hidden;    /* from listings of its directory; a point */
    struct path place; /* TARGET in the image, symbolic links followed */
    bool is_point;     /* which the image lacks */
    size_t known;      /* bytes of a point's place that lead to what it has */
};

struct view {
    struct view_mount *mounts;
    size_t count;
    struct mount_word *own; /* the script's own mounts */
    size_t own_count;
    bool has_points, has_secrets;
    struct stand_ins stand_ins;
};

/* Plans the mounts, including the shares, secrets and mounts in WORDS, and makes the stand-ins, and
 * the points that are missing. RET points into WORDS and is to be freed by view_free in any case.
 * Returns 0, or -1 with FAULT. */
int view_prepare(const struct words *words, struct view *ret, struct fault *fault);

/* Makes the layer ready to be part of VIEW. Returns 0, or -1 with FAULT. */
int view_put(struct view *view, struct fault *fault);

/* Mounts everything, puts the job's file SCRIPT, unless that is NULL, into VIEW_SCRIPT_FOLDER, with
 * RESCUE the builder's busybox as well, and makes the view the root of the process. To be called in
 * the namespaces of the script. Returns 0, or -1 with FAULT. */
int view_enter(const struct view *view, const char *script, bool rescue, struct fault *fault);

/* Mounts the shares in WORDS in the builder's environment, except those that would cover what a
 * hook needs. To be called in the namespaces of the hook. Returns 0, or -1 with FAULT. */
int view_show_shares(const struct words *words, struct fault *fault);

/* Leaves in the layer what it would have without points and stand-ins. Returns 0, or -1 with
 * FAULT. */
int view_finish(struct view *view, struct fault *fault);

void view_free(struct view *view);

#endif
