/*
 * Writes images: docker-archive, oci-archive, oci and layer, as described in OUTPUTS of vmbuild(1).
 * The writer of each format makes the contents; this module decides where they go.
 *
 * An output is written to a temporary beside its target and renamed when it is complete, so that a
 * target is either the old output or the new one. Whatever of the store went into it is checked by
 * then (store_settle); before the first byte, if the output is a stream. Compressed data is copied
 * (file.h), never compressed again. The new layer's temporaries are also beside the target, and are
 * used up in the process, so that a build needs no more room than its output.
 *
 * An image in a registry is an output, too, as far as the forms of its layers are concerned; it is
 * pushed by others.
 */
#ifndef VMBUILD_OUTPUT_H
#define VMBUILD_OUTPUT_H

#include "host/format/output_format.h"
#include "host/image/image.h"
#include "host/image/image_bundle.h"
#include "host/image/layer_writer.h"
#include "host/lib/error.h"
#include "host/store/store.h"
#include "host/tar/compression.h"

/* The manifest that an output got. */
struct output_manifest {
    struct digest digest; /* empty: its format has none */
    uint64_t size;
};

struct output {
    enum output_format format;

    /* Of a whole docker-archive; of each layer in OCI formats; NONE for layer. */
    enum compression compression;

    /* The target: a file, or a directory for oci and layer; "-" is standard output for archives. Of
     * an image in a registry, its reference as text. */
    const char *path;

    char *name, *tag; /* that the image gets, unless both are NULL: it keeps its own; borrowed */

    struct output_manifest *ret_manifest; /* set if a manifest is written; or NULL */

    bool is_added; /* to the images of an OCI layout that exists, which is otherwise replaced */
};

/* Return the forms in which output_write needs the new layer, and the base layers (enum layer_form
 * bits). */
struct layer_form_wanted output_wants_new(const struct output *output);
unsigned int output_wants_base(const struct output *output);

/* Makes a directory for the new layer's temporaries: on the output's file system, which must have
 * room for the layer anyway, unless the output is a stream. *RET is its path, the caller's to free;
 * *RET_NAME, borrowed, is what errors call it. */
[[nodiscard]] struct error *output_temporaries(const struct output *output, char **ret,
                                               const char **ret_name);

/* Checks what can be checked before there is an image: that the target's directory exists and is
 * writable, and that what is at the target may be replaced: an archive by an archive, a directory
 * if it is empty or such an output. Errors: EXIT_USAGE, EXIT_OTHER. */
[[nodiscard]] struct error *output_check(const struct output *output);

/* Writes IMAGE. Derived forms of base layers are kept in STORE. On error an existing target stays
 * as it is. Errors: EXIT_DISK_FULL (the output's or the cache's), EXIT_OTHER. */
[[nodiscard]] struct error *output_write(const struct image *image, const struct output *output,
                                         struct store *store);

/* Writes BUNDLE, all of whose blobs are there, with its bytes and digests; not as a
 * docker-archive. Errors: the same, and EXIT_USAGE. */
[[nodiscard]] struct error *output_write_bundle(const struct image_bundle *bundle,
                                                const struct output *output, struct store *store);

#endif
