/*
 * The new layer as it streams in, from the guest or from the packing of `contents`.
 *
 * Bytes go once through: checked as a tar (the guest is not trusted: every header, size and path),
 * hashed for the diff ID, summed for tarsum, compressed, hashed again as a blob, and stored as a
 * temporary. Constant memory; hashing and compressing run on threads of their own.
 */
#ifndef VMBUILD_LAYER_WRITER_H
#define VMBUILD_LAYER_WRITER_H

#include <stdbool.h>

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/tar/compression.h"

struct layer_writer;

/* What to keep of the stream. */
struct layer_form_wanted {
    bool tar;                     /* keep the uncompressed tar */
    bool blob;                    /* keep it compressed with `compression` */
    bool blob_digest;             /* and name that form, as OCI does */
    enum compression compression; /* of the blob */
    bool tarsum;
};

/* Starts a layer whose temporaries are made in the folder DIR. NAME, borrowed as long as the writer
 * lives, is what errors of writing them name: it tells whose disk it is. */
[[nodiscard]] struct error *layer_writer_new(const char *dir, const char *name,
                                             struct layer_form_wanted wanted,
                                             struct layer_writer **ret);

/* The next LENGTH bytes of the tar. Errors: EXIT_VM with "the guest sent ..." wording where the
 * stream is no valid layer. */
[[nodiscard]] struct error *layer_writer_write(struct layer_writer *writer, const void *bytes,
                                               size_t length);

/* The stream is over. Sets *RET, whose paths are temporaries (temporary.h). Frees WRITER, also on
 * error. */
[[nodiscard]] struct error *layer_writer_finish(struct layer_writer *writer, struct layer *ret);

/* Gives up: ends the threads and removes the temporaries. */
void layer_writer_free(struct layer_writer *writer);
static inline void layer_writer_freep(struct layer_writer **writer)
{
    layer_writer_free(*writer);
}

/* WRITER as a sink. */
struct sink layer_writer_sink(struct layer_writer *writer);

#endif
