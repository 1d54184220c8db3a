/*
 * Decompression of a stream of bytes that may be compressed with gzip, xz, zstd or bzip2, or not at
 * all; the first bytes tell. Concatenated gzip members, zstd frames, xz and bzip2 streams count as
 * one. A stream that ends too early is an error.
 */
#ifndef VMBUILD_DECOMPRESSION_H
#define VMBUILD_DECOMPRESSION_H

#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/tar/compression.h"

/* Returns the compression, by the first LENGTH bytes of a stream; DECOMPRESSION_MAGIC_SIZE are
 * enough. */
#define DECOMPRESSION_MAGIC_SIZE 10
enum compression decompression_sniff(const void *bytes, size_t length);

struct decompressor;

/* Reads SOURCE, whatever its compression. NAME is what errors call it. Errors: EXIT_INPUT, and
 * those of SOURCE. */
[[nodiscard]] struct error *decompressor_new(const char *name, struct source source,
                                             struct decompressor **ret);

/* Returns the next piece, borrowed until the next call; *RET_LENGTH is 0 at the end. Errors:
 * EXIT_INPUT, also for bytes that are compressed twice, and those of the source. */
[[nodiscard]] struct error *decompressor_read(struct decompressor *decompressor, const void **ret,
                                              size_t *ret_length);

void decompressor_free(struct decompressor *decompressor);
static inline void decompressor_freep(struct decompressor **decompressor)
{
    decompressor_free(*decompressor);
}

#endif
