/*
 * Where else a registry has a blob: the repositories that it was pulled from or pushed to before,
 * kept as records of the store. A push can ask a registry to take the blob from there
 * ("cross-mount") instead of sending it.
 */
#ifndef VMBUILD_CROSS_MOUNT_H
#define VMBUILD_CROSS_MOUNT_H

#include "host/image/reference.h"
#include "host/lib/digest.h"
#include "host/store/store.h"

#define CROSS_MOUNT_SOURCES_MAX 8 /* of one blob; the newest stay */

/* Notes that the repository of REFERENCE has BLOB. */
void cross_mount_add(struct store *store, const struct digest *blob,
                     const struct reference *reference);

/* Another repository than REFERENCE's, of the same registry, that has BLOB. Returns its name, or
 * NULL; the caller's. */
char *cross_mount_find(struct store *store, const struct digest *blob,
                       const struct reference *reference);

#endif
