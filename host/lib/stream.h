/*
 * Streams of bytes: where they come from and where they go, whatever that is.
 */
#ifndef VMBUILD_STREAM_H
#define VMBUILD_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/lib/error.h"

/* Where a stream's bytes go: called with pieces in order. */
typedef struct error *(*sink_write)(void *context, const void *bytes, size_t length);
struct sink {
    sink_write write;
    void *context;
};

/* The same for a stream with long runs of zeros, which need not be written down: they come as their
 * number, in order with the pieces. */
struct sparse_sink {
    sink_write write;
    struct error *(*skip)(void *context, uint64_t length);
    void *context;
};

/* Where a stream's bytes come from. Returns the number of bytes read into BUFFER, 0 at the end;
 * below 0 with *ERR set. */
typedef ssize_t (*source_read)(void *context, void *buffer, size_t capacity, struct error **err);
struct source {
    source_read read;
    void *context;
};

#endif
