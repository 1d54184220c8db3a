/*
 * Where else a registry has a blob: the repositories that it was pulled from or pushed to before,
 * kept as records of the store. A push can ask a registry to take the blob from there
 * ("cross-mount") instead of sending it.
 */
#ifndef VMBUILD_MOUNT_SOURCES_H
#define VMBUILD_MOUNT_SOURCES_H

#include "digest.h"
#include "reference.h"
#include "store.h"

#define MOUNT_SOURCES_MAX 8 /* of one blob; the newest stay */

/* Notes that the repository of REFERENCE has BLOB. */
void mount_sources_add(struct store *store, const struct digest *blob,
                       const struct reference *reference);

/* Another repository than REFERENCE's, of the same registry, that has BLOB. Return: its name, or
 * NULL; the caller's. */
char *mount_sources_find(struct store *store, const struct digest *blob,
                         const struct reference *reference);

#endif
