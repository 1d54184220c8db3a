/*
 * A tar read as a stream, in pieces of any size: ustar, PAX, GNU long names, star and V7 headers,
 * understood as Go's archive/tar does, since Docker and the OCI tools read layers with that.
 * Entries are reported with their extended headers already applied; the data follows in pieces.
 * Only one header and its extensions are kept, all of limited size.
 */
#ifndef VMBUILD_TAR_STREAM_H
#define VMBUILD_TAR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/tar/tar_entry.h"

#define TAR_EXTENSION_MAX (4u << 20) /* bytes of one PAX header or GNU long name */
#define TAR_ENTRIES_MAX (1u << 23)

struct tar_events {
    void *context;
    /* ENTRY and its strings are borrowed until the callback returns. */
    struct error *(*entry)(void *context, const struct tar_entry *entry);
    struct error *(*data)(void *context, const void *bytes, size_t length); /* or NULL */
    /* Zeros of the data that were skipped; NULL: they are reported as data, if that is. */
    struct error *(*skip)(void *context, uint64_t length);
    uint64_t holes_max; /* of a sparse file whose data is reported, holes as zeros; 0: any */
};

struct tar_stream;

/* STRICT: the stream must end in two zero blocks, with nothing but zeros after them. Otherwise, as
 * in Go, the stream may end between two entries, and what follows the end is ignored. */
struct tar_stream *tar_stream_new(struct tar_events events, bool strict);

/* Takes the next bytes. Errors: EXIT_INPUT ("at byte N: ..."), or those of a callback. */
[[nodiscard]] struct error *tar_stream_write(struct tar_stream *stream, const void *bytes,
                                             size_t length);

/* Takes LENGTH zeros; at no cost after the end, and within an entry's data unless that is reported
 * and `skip` is NULL.
 * Errors: as above. */
[[nodiscard]] struct error *tar_stream_skip(struct tar_stream *stream, uint64_t length);

/* Returns how many of the bytes that were written so far, not skipped, are data of entries. */
uint64_t tar_stream_data(const struct tar_stream *stream);

/* Returns how many bytes of the current entry's data are still to come; 0 outside of data. */
uint64_t tar_stream_data_left(const struct tar_stream *stream);

/* To be called at the end of the stream. Errors: EXIT_INPUT if it ends too early. STREAM is still
 * to be freed. */
[[nodiscard]] struct error *tar_stream_finish(struct tar_stream *stream);

void tar_stream_free(struct tar_stream *stream);
static inline void tar_stream_freep(struct tar_stream **stream)
{
    tar_stream_free(*stream);
}

#endif
