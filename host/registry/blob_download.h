/*
 * A blob from a registry into the store. The bytes are hashed as they come and written to a
 * temporary, which becomes the entry only where size and digest are those that the manifest names.
 * A transfer that breaks goes on where it stopped (a Range request, RFC 9110, 14.2), or starts anew
 * where the server cannot.
 */
#ifndef VMBUILD_BLOB_DOWNLOAD_H
#define VMBUILD_BLOB_DOWNLOAD_H

#include <stdatomic.h>

#include "host/image/manifest.h"
#include "host/lib/error.h"
#include "host/registry/repository.h"
#include "host/store/store.h"

/* A try that brought at least so many bytes does not count as failed: a server that breaks each
 * connection after a while is worth going on with, one that sends a byte at a time is not. */
#define BLOB_DOWNLOAD_STEP (1u << 20)

/* What several downloads share. */
struct blob_downloads {
    struct repository *repository;
    struct store *store;
    atomic_uint_least64_t done; /* bytes that have come, for progress */
    uint64_t total;
};

/* Makes sure that the store has the blob DESCRIPTOR. Once *STOPPED is true the transfer is given
 * up. *RET_PATH is the entry's path, the caller's. Errors: EXIT_NETWORK; EXIT_INPUT where the bytes
 * are not the blob; EXIT_DISK_FULL (the cache's). */
[[nodiscard]] struct error *blob_download(struct blob_downloads *downloads,
                                          const struct descriptor *descriptor,
                                          const atomic_bool *stopped, char **ret_path);

#endif
