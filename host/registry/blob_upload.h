/*
 * Uploads a blob to a registry (distribution-spec 1.1, "Push"). A blob that the repository has is
 * not sent. One that another repository of the registry has is mounted from there, if the registry
 * agrees. Any other is sent in one piece; after a broken connection the registry is asked how much
 * it has, and is sent the rest.
 */
#ifndef VMBUILD_BLOB_UPLOAD_H
#define VMBUILD_BLOB_UPLOAD_H

#include <stdatomic.h>
#include <stdint.h>

#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/registry/repository.h"
#include "host/store/store.h"

/* As BLOB_DOWNLOAD_STEP, for sending. */
#define BLOB_UPLOAD_STEP (1u << 20)

/* What is sent: SIZE bytes with DIGEST, in the file PATH or, if that is NULL, at BYTES. All
 * borrowed. */
struct blob_source {
    const char *path;
    const void *bytes;
    uint64_t size;
    struct digest digest;
    const char *mount_source; /* a repository that is said to have it, or NULL */
};

/* Shared by several uploads; the caller fills in all but `done`. */
struct blob_uploads {
    struct repository *repository;
    struct store *store; /* whose entries the files are: they are checked before they are sent */
    atomic_uint_least64_t done; /* bytes sent or found there, for progress */
    uint64_t total;
};

/* Ensures that the repository has the blob SOURCE. The upload is aborted before its next step once
 * *STOPPED is true. Errors: EXIT_NETWORK; EXIT_OTHER if the file cannot be read or is damaged. */
[[nodiscard]] struct error *blob_upload(struct blob_uploads *uploads,
                                        const struct blob_source *source,
                                        const atomic_bool *stopped);

#endif
