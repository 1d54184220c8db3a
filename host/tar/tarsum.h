/*
 * Docker's tarsum of a layer tar: a sum over its files' headers and contents that does not depend
 * on their order. The algorithm is public (Docker's pkg/tarsum and its specification): versions 0,
 * 1 and dev. A tar is given as a stream of bytes in any pieces. Memory grows with the number of
 * entries (about 90 bytes each), not with their sizes.
 */
#ifndef VMBUILD_TARSUM_H
#define VMBUILD_TARSUM_H

#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"

enum tarsum_version { TARSUM_V0, TARSUM_V1, TARSUM_DEV };

struct tarsum;

/* Starts a sum. HOLES_MAX: with more bytes than that in holes of sparse files, which count as
 * zeros, the sum would take too long to be worth it; 0: no limit. Never returns NULL. */
struct tarsum *tarsum_new(enum tarsum_version version, uint64_t holes_max);

/* Takes the next bytes of the uncompressed tar. Errors: EXIT_INPUT if they are not a tar. */
[[nodiscard]] struct error *tarsum_update(struct tarsum *sum, const void *bytes, size_t length);

/* *RET becomes "tarsum.v1+sha256:HEX" (the caller's), or NULL if holes were larger than HOLES_MAX.
 * Frees SUM, also on error. */
[[nodiscard]] struct error *tarsum_finish(struct tarsum *sum, char **ret);

void tarsum_free(struct tarsum *sum);
static inline void tarsum_freep(struct tarsum **sum)
{
    tarsum_free(*sum);
}

#endif
