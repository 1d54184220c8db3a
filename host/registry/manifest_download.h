/*
 * Downloads a manifest from a registry (distribution-spec 1.1, "Pulling manifests"), and keeps it
 * in the store. Its counterpart for blobs is blob_download.h; manifests are small enough for
 * memory.
 */
#ifndef VMBUILD_MANIFEST_DOWNLOAD_H
#define VMBUILD_MANIFEST_DOWNLOAD_H

#include <stdbool.h>

#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/registry/repository.h"
#include "host/store/store.h"

/* Gets the manifest NAME of REPOSITORY: a tag, or the text of the digest WANTED (empty with a tag).
 * Its digest is checked against WANTED and against the one that the registry states, and it is
 * published in STORE. *RET is its bytes, and *RET_TYPE the media type that the registry states, or
 * NULL; both the caller's. Errors: EXIT_NETWORK; EXIT_INPUT (a digest does not match);
 * EXIT_DISK_FULL (the cache's). */
[[nodiscard]] struct error *manifest_download(struct repository *repository, const char *name,
                                              const struct digest *wanted, struct store *store,
                                              struct buffer *ret, char **ret_type);

/* The same for the manifest of TAG, which need not be there: *RET_FOUND, set also on error, is
 * whether it is, and *RET is set only then. */
[[nodiscard]] struct error *manifest_find(struct repository *repository, const char *tag,
                                          struct store *store, struct buffer *ret, bool *ret_found);

#endif
