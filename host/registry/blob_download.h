/*
 * Downloads a blob from a registry into the store. The bytes are hashed as they arrive and written
 * to a temporary, which becomes the store's entry only if size and digest are those of the
 * manifest.
 *
 * After a broken connection the download resumes where it stopped (with a Range request, RFC 9110,
 * 14.2), or starts again if the server cannot do that.
 */
#ifndef VMBUILD_BLOB_DOWNLOAD_H
#define VMBUILD_BLOB_DOWNLOAD_H

#include <stdatomic.h>

#include "host/image/manifest.h"
#include "host/lib/error.h"
#include "host/registry/repository.h"
#include "host/store/store.h"

/* A try that received at least this many bytes does not count as failed: a server that breaks each
 * connection after a while deserves more tries, one that sends a byte at a time does not. */
#define BLOB_DOWNLOAD_STEP (1u << 20)

/* Shared by several downloads; the caller fills in all but `done`. */
struct blob_downloads {
    struct repository *repository;
    struct store *store;
    atomic_uint_least64_t done; /* bytes received so far, for progress */
    uint64_t total;
};

/* Ensures that the store has the blob DESCRIPTOR. The download is aborted once *STOPPED is true.
 * *RET_PATH is the entry's path, the caller's, as store_find_unchecked returns it. Errors:
 * EXIT_NETWORK; EXIT_INPUT if the bytes do not match DESCRIPTOR; EXIT_DISK_FULL (the cache's). */
[[nodiscard]] struct error *blob_download(struct blob_downloads *downloads,
                                          const struct descriptor *descriptor,
                                          const atomic_bool *stopped, char **ret_path);

#endif
