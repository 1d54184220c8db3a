/*
 * Compression of layers and archives. Writing: gzip (ISA-L), zstd, or none, as streams whose bytes
 * depend on nothing but the input: not on the CPU, the number of threads or the size of the pieces
 * written. gzip members and zstd frames may be joined end to end, so a finished piece is never
 * compressed again. For reading see decompression.h.
 */
#ifndef VMBUILD_COMPRESSION_H
#define VMBUILD_COMPRESSION_H

#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_ZSTD,
    COMPRESSION_XZ,
    COMPRESSION_BZIP2
};

/* "none", "gzip", "zstd", ... */
const char *compression_name(enum compression compression);

/* Returns a name of the method of compression with the library's version, which changes whenever
 * the bytes would. Suitable for a file name; the caller's. */
char *compression_version(enum compression compression);

struct compressor;

/* Starts a stream (one gzip member, one zstd frame) into SINK. COMPRESSION: NONE, GZIP or ZSTD. */
[[nodiscard]] struct error *compressor_new(enum compression compression, struct sink sink,
                                           struct compressor **ret);

/* Compresses LENGTH more bytes; the result may reach the sink later. Errors: the sink's, and
 * EXIT_OTHER with the library's words. */
[[nodiscard]] struct error *compressor_write(struct compressor *compressor, const void *bytes,
                                             size_t length);

/* Ends the stream and frees COMPRESSOR, also on error. Errors: as above. */
[[nodiscard]] struct error *compressor_finish(struct compressor *compressor);

void compressor_free(struct compressor *compressor);
static inline void compressor_freep(struct compressor **compressor)
{
    compressor_free(*compressor);
}

#endif
