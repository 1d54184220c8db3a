/*
 * A manifest or an index as it came, with everything that it leads to: the manifests of all
 * platforms, artifacts included, and their blobs. It is for copying unchanged; what is inside of
 * the blobs does not matter. For one image to work with see image.h.
 *
 * A source is walked from the root's bytes: first all manifests are read, then the caller fills in
 * where the blobs are.
 */
#ifndef VMBUILD_IMAGE_BUNDLE_H
#define VMBUILD_IMAGE_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "host/image/manifest.h"
#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"

struct bundle_manifest {
    struct digest digest;
    char *type; /* media type */
    struct buffer bytes;
};

struct bundle_blob {
    struct digest digest;
    uint64_t size;
    char *path;  /* of the file that has it; or NULL: */
    char *bytes; /* in memory; or NULL: not there yet */
};

struct image_bundle {
    char *name;                        /* of the root, or NULL */
    char *tag;                         /* or NULL */
    struct bundle_manifest *manifests; /* each after those that it names; the root is the last */
    size_t manifest_count;
    size_t manifests_size;     /* bytes of those that were read */
    struct bundle_blob *blobs; /* each once */
    size_t blob_count;
};

/* Where manifests are read from. */
struct bundle_source {
    void *context;

    /* Reads the manifest that DESCRIPTOR, of an index, names, and checks its digest. *RET is the
     * caller's. */
    struct error *(*read)(void *context, const struct descriptor *descriptor, struct buffer *ret);
};

/* Adds the manifest or index BYTES, which are taken over, of media type TYPE (NULL: by what it
 * contains) to RET, after all that it leads to by SOURCE. NAME is what errors call it. Errors:
 * EXIT_INPUT (malformed, beyond a limit, a digest that is not SHA-256), and SOURCE's. */
[[nodiscard]] struct error *image_bundle_walk(const struct bundle_source *source, const char *name,
                                              const char *type, struct buffer *bytes,
                                              struct image_bundle *ret);

/* The same for BYTES alone. */
[[nodiscard]] struct error *image_bundle_add(const char *name, const char *type,
                                             struct buffer *bytes, struct image_bundle *ret);

/* Adds BLOB, whose members are the bundle's from then on, unless it has one of this digest. */
void image_bundle_take_blob(struct image_bundle *bundle, struct bundle_blob blob);

/* Adds the manifest BYTES of media type TYPE, which are taken over, after those that it names. */
void image_bundle_take_manifest(struct image_bundle *bundle, const char *type,
                                struct buffer *bytes);

/* Returns the root, or NULL if nothing was added. */
const struct bundle_manifest *image_bundle_root(const struct image_bundle *bundle);

void image_bundle_free(struct image_bundle *bundle);

#endif
