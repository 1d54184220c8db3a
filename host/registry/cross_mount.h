/*
 * Remembers which repositories have a blob: those that it was pulled from or pushed to, kept as
 * records of the store. A push can ask the registry to take the blob from there ("cross-mount")
 * instead of sending it.
 */
#ifndef VMBUILD_CROSS_MOUNT_H
#define VMBUILD_CROSS_MOUNT_H

#include "host/image/reference.h"
#include "host/lib/digest.h"
#include "host/store/store.h"

#define CROSS_MOUNT_SOURCES_MAX 8 /* of one blob; the newest are kept */

/* Records that the repository of REFERENCE has BLOB. Failures are not errors. */
void cross_mount_add(struct store *store, const struct digest *blob,
                     const struct reference *reference);

/* Returns the name of another repository, of the same registry as REFERENCE, that had BLOB; NULL if
 * none is recorded. The caller's. */
char *cross_mount_find(struct store *store, const struct digest *blob,
                       const struct reference *reference);

#endif
