/* Files made from entries: what is in their way goes, data is written, metadata is set. */
#ifndef VMBUILD_GUEST_UNPACK_TARGET_H
#define VMBUILD_GUEST_UNPACK_TARGET_H

#include "guest/tar/unpacking.h"

/* Makes TARGET, which is not a hard link, from the entry at hand. Returns 0, or -1 with the fault.
 */
int unpack_target_make(struct unpacking *unpacking, struct target *target);

/* Makes TARGET a hard link to LINK, a path out of the tar, which is changed. Returns 0, or -1 with
 * the fault. */
int unpack_target_link(struct unpacking *unpacking, struct target *target, char *link);

#endif
