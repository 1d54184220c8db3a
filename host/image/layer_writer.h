/*
 * The new layer as it streams in, from the guest or from the packing of `contents`.
 *
 * The bytes pass through once. They are checked as a tar (the guest is not trusted: every header,
 * size and path), hashed for the diff ID, summed for tarsum, compressed, hashed again as a blob,
 * and stored as a temporary. Memory is constant, but for eight bytes for each file of a guest's
 * layer; hashing and compressing run on separate threads.
 */
#ifndef VMBUILD_LAYER_WRITER_H
#define VMBUILD_LAYER_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/lib/secret.h"
#include "host/lib/stream.h"
#include "host/tar/compression.h"

struct layer_writer;

/* What to keep of the stream. */
struct layer_form_wanted {
    bool tar;                     /* keep the uncompressed tar */
    bool blob;                    /* keep it compressed with `compression` */
    bool blob_digest;             /* and its digest, which OCI needs */
    enum compression compression; /* of the blob */
    bool tarsum;
};

/* Starts a layer whose temporaries are made in the directory DIR. NAME, borrowed for the writer's
 * lifetime, is what errors of writing them name, so that the user knows which disk it is. */
[[nodiscard]] struct error *layer_writer_new(const char *dir, const char *name,
                                             struct layer_form_wanted wanted,
                                             struct layer_writer **ret);

/* The layer comes from a guest whose disk has DISK_SIZE bytes (layer_check.h). To be called before
 * anything is written. */
void layer_writer_expect_guest(struct layer_writer *writer, uint64_t disk_size);

/* SECRETS, borrowed, must not be in the layer (layer_check.h). To be called before anything is
 * written. */
void layer_writer_forbid(struct layer_writer *writer, const struct secrets *secrets);

/* Takes the next LENGTH bytes of the tar. Errors: EXIT_VM ("the guest sent ...") if the stream is
 * not a valid layer; EXIT_SCRIPT if it holds a secret. */
[[nodiscard]] struct error *layer_writer_write(struct layer_writer *writer, const void *bytes,
                                               size_t length);

/* Takes LENGTH zeros, the hole of a file: they are hashed and compressed, but cost no memory and,
 * in the tar that is kept, no disk. Errors: as above. */
[[nodiscard]] struct error *layer_writer_skip(struct layer_writer *writer, uint64_t length);

/* Ends the stream. Sets *RET, whose paths are temporaries (temporary.h). Frees WRITER, also on
 * error. */
[[nodiscard]] struct error *layer_writer_finish(struct layer_writer *writer, struct layer *ret);

/* Abandons it: ends the threads and removes the temporaries. */
void layer_writer_free(struct layer_writer *writer);
static inline void layer_writer_freep(struct layer_writer **writer)
{
    layer_writer_free(*writer);
}

/* Return WRITER as a sink. */
struct sink layer_writer_sink(struct layer_writer *writer);
struct sparse_sink layer_writer_sparse_sink(struct layer_writer *writer);

#endif
