/*
 * The mounts of a script's own (mount_word.h), as its view has them.
 */
#ifndef VMBUILD_GUEST_OWN_MOUNT_H
#define VMBUILD_GUEST_OWN_MOUNT_H

#include "guest/lib/fault.h"
#include "guest/script/mount_word.h"
#include "guest/script/view.h"

/* Plans OWN, which has a target, and which RET points into. Returns 0, or -1 with FAULT, such as
 * when nothing was unpacked for it. */
int own_mount_plan(const struct mount_word *own, struct view_mount *ret, struct fault *fault);

/* The `mount` of a secret, also of one that is no mount of the script's own. */
int own_mount_secret(const struct view_mount *mounted, const char *path, struct fault *fault);

#endif
