/*
 * A mount whose place is in that of another one, such as a directory of a tree that is mounted
 * itself. It is found once the other one is there, as a process in the view would find it, and made
 * if that can be written.
 */
#ifndef VMBUILD_GUEST_NESTED_MOUNT_H
#define VMBUILD_GUEST_NESTED_MOUNT_H

#include <stdbool.h>

#include "guest/lib/fault.h"
#include "guest/script/view.h"

/* Whether the target of MOUNT, one of VIEW's, lies in that of one before it. Only those of the
 * script's own do. */
bool nested_mount_is(const struct view *view, const struct view_mount *mount);

/* Mounts MOUNT in the view. To be called when all before it are mounted, in the namespaces of the
 * script. Returns 0, or -1 with FAULT. */
int nested_mount_make(const struct view_mount *mount, struct fault *fault);

#endif
