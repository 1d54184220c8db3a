/*
 * Decompression: a stream of bytes that may be compressed with gzip, xz, zstd or bzip2, told by the
 * first bytes, or not at all. Joined gzip members, zstd frames, xz and bzip2 streams are one. A
 * stream that ends too early is an error.
 */
#ifndef VMBUILD_DECOMPRESSION_H
#define VMBUILD_DECOMPRESSION_H

#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/tar/compression.h"

/* Tells the compression by the first LENGTH bytes of a stream; DECOMPRESSION_MAGIC_SIZE are enough.
 */
#define DECOMPRESSION_MAGIC_SIZE 10
enum compression decompression_sniff(const void *bytes, size_t length);

struct decompressor;

/* Reads SOURCE, whatever its compression. NAME is what errors call it. Errors: EXIT_INPUT, and
 * those of SOURCE. */
[[nodiscard]] struct error *decompressor_new(const char *name, struct source source,
                                             struct decompressor **ret);

/* The next piece, borrowed until the next call; *RET_LENGTH is 0 at the end. Bytes that are
 * compressed twice are EXIT_INPUT. */
[[nodiscard]] struct error *decompressor_read(struct decompressor *decompressor, const void **ret,
                                              size_t *ret_length);

void decompressor_free(struct decompressor *decompressor);
static inline void decompressor_freep(struct decompressor **decompressor)
{
    decompressor_free(*decompressor);
}

#endif
