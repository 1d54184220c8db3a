/*
 * A blob to a registry (distribution-spec 1.1, "Push"). A blob that is there is not sent; one that
 * another repository of the registry has is mounted from there where the registry agrees. Else it
 * is sent as one piece, and after a break the registry is asked how much it has, and gets the rest.
 */
#ifndef VMBUILD_BLOB_UPLOAD_H
#define VMBUILD_BLOB_UPLOAD_H

#include <stdatomic.h>
#include <stdint.h>

#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/registry/repository.h"

/* As BLOB_DOWNLOAD_STEP, the other way. */
#define BLOB_UPLOAD_STEP (1u << 20)

/* What is sent: SIZE bytes with DIGEST, in the file PATH or, where that is NULL, at BYTES. */
struct blob_source {
    const char *path;
    const void *bytes;
    uint64_t size;
    struct digest digest;
    const char *mount_source; /* a repository that should have it, or NULL */
};

/* What several uploads share. */
struct blob_uploads {
    struct repository *repository;
    atomic_uint_least64_t done; /* bytes sent or found there, for progress */
    uint64_t total;
};

/* Makes sure that the repository has the blob SOURCE. Once *STOPPED is true the upload is given up
 * before its next step. Errors: EXIT_NETWORK; EXIT_OTHER where the file cannot be read. */
[[nodiscard]] struct error *blob_upload(struct blob_uploads *uploads,
                                        const struct blob_source *source,
                                        const atomic_bool *stopped);

#endif
