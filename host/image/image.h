/*
 * An image in memory: its config and its layers, wherever their bytes are. Every input becomes one
 * of these and every output is written from one. Layer files are in the content store or are
 * temporaries; an image only names them.
 */
#ifndef VMBUILD_IMAGE_H
#define VMBUILD_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/json.h"
#include "host/tar/compression.h"

#define IMAGE_LAYERS_MAX 255
#define IMAGE_LAYER_SIZE_MAX (UINT64_C(1) << 42)

struct layer {
    struct digest diff_id; /* of the uncompressed tar */
    uint64_t size;         /* bytes of the uncompressed tar */
    char *tar_path;        /* the uncompressed tar, or NULL if it was never needed */

    /* The blob as it came from an OCI image or a registry, or as it was compressed while it
     * streamed in; OCI outputs keep these bytes. The path is NULL if there is none. */
    struct {
        char *path;
        struct digest digest; /* empty for a new layer of a format that does not name blobs */
        uint64_t size;
        enum compression compression;
        bool is_own; /* made by compressor_new, and so the same bytes for the same tar */
    } blob;

    bool is_temporary;  /* its files belong to this run, and the output uses them up */
    char *tarsum;       /* "tarsum.v1+sha256:...", of the new layer only, else NULL */
    bool has_no_tarsum; /* a hole of the new layer is too large for it */
};

struct image {
    char *name;          /* repository name, or NULL */
    char *tag;           /* or NULL */
    struct json *config; /* the OCI/Docker image config document: architecture, os, config, rootfs,
                             history */
    struct json *annotations; /* of an OCI manifest that is made for it: strings; or NULL */
    /* If the image is unchanged, the bytes of its config document and of its manifest, so that its
     * ID and digest stay the same; else empty. The type is the manifest's media type. */
    struct buffer config_bytes;
    struct buffer manifest;
    char *manifest_type;
    struct layer *layers; /* base first */
    size_t layer_count;
    size_t found_count; /* of an image that was built: so many layers are those of one that was not,
                           which others may be made of, too */
};

/* Which forms of the layers the caller will use: the others need not be made. */
enum layer_form {
    LAYER_TAR = 1,  /* layer.tar_path */
    LAYER_BLOB = 2, /* layer.blob, if the source has one */
};

/* Appends a layer, whose members the image owns from then on. */
void image_add_layer(struct image *image, struct layer layer);

void layer_free(struct layer *layer);
void image_free(struct image *image);
static inline void image_freep(struct image **image)
{
    image_free(*image);
}

/* The chain ID of the first COUNT layers (OCI image-spec, "Layer ChainID"). COUNT 0: empty. */
void image_chain_id(const struct image *image, size_t count, struct digest *ret);

#endif
