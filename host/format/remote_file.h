/*
 * Files of the network, for `contents`: fetched into the store, where they lie by their digests.
 * One whose digest is known before is fetched once; any other each time that it is asked for.
 *
 *   blobs/sha256/HEX     the file
 *   records/urls/KEY     {"digest", "mtime"}; KEY is of the URL
 */
#ifndef VMBUILD_REMOTE_FILE_H
#define VMBUILD_REMOTE_FILE_H

#include <stdint.h>

#include "host/image/image_request.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"

#define REMOTE_FILE_MAX (UINT64_C(32) << 30) /* bytes */

struct remote_file {
    char *path;    /* in the store; the caller's */
    char *name;    /* the last of the URL's path, the caller's; NULL: there is none */
    int64_t mtime; /* Last-Modified, seconds since 1970; 0: the server does not tell */
};

/* Gets the file at URL, http or https, whose digest must be CHECKSUM unless that is empty; REQUEST
 * has the store and the time limit. Errors: EXIT_NETWORK, EXIT_TIMEOUT; EXIT_INPUT if its digest is
 * another; EXIT_DISK_FULL. */
[[nodiscard]] struct error *remote_file_get(const char *url, const struct digest *checksum,
                                            const struct image_request *request,
                                            struct remote_file *ret);

#endif
