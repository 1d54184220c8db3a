/*
 * Manifests and indexes: OCI image-spec 1.1 ("Image Manifest", "Image Index") and Docker's
 * "Image Manifest Version 2, Schema 2" with its manifest list. Pure: bytes in, bytes out.
 *
 * A document's `mediaType` is its type; the content type that came with it counts only if there is
 * none. A document that could be read as both an image and an index is refused, since two readers
 * would see different things (CVE-2021-41190). So are schema 1, artifacts that are not images,
 * foreign (non-distributable) layers and encrypted ones.
 */
#ifndef VMBUILD_MANIFEST_H
#define VMBUILD_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/image/platform.h"
#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/tar/compression.h"

#define MANIFEST_SIZE_MAX (4u << 20)        /* as the distribution specification sets it */
#define MANIFEST_CONFIG_SIZE_MAX (4u << 20) /* bytes of a config document */
#define MANIFEST_INDEX_MAX 100000           /* entries of an index */

#define MANIFEST_OCI "application/vnd.oci.image.manifest.v1+json"
#define MANIFEST_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MANIFEST_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define MANIFEST_DOCKER "application/vnd.docker.distribution.manifest.v2+json"
#define MANIFEST_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"

struct descriptor {
    char *media_type;
    struct digest digest;
    uint64_t size;
    bool is_artifact; /* an index's entry that is not an image, or whose digest is not SHA-256, in
                         which case the digest is empty */
    bool is_foreign;  /* a layer whose bytes lie elsewhere and may not be distributed */
    char *os, *architecture, *variant; /* of an index's entry; NULL if not given */
};

struct manifest {
    char *media_type; /* one of the four above */
    bool is_index;
    struct descriptor config; /* of an image */
    struct descriptor *items; /* an image's layers, base first; an index's images */
    size_t count;
    const struct json *annotations; /* of one that is written: an object of strings, borrowed; or
                                       NULL */
};

/* Parses LENGTH bytes. NAME is what errors call the document; CONTENT_TYPE what came with it, or
 * NULL. Errors: EXIT_INPUT. *RET is the caller's. */
[[nodiscard]] struct error *manifest_parse(const char *name, const char *bytes, size_t length,
                                           const char *content_type, struct manifest *ret);

/* The same for a manifest that need not be an image's, with config and layers of any type; without
 * a config, that of *RET is empty. For copying. */
[[nodiscard]] struct error *manifest_parse_any(const char *name, const char *bytes, size_t length,
                                               const char *content_type, struct manifest *ret);

/* Returns whether the LENGTH bytes are a manifest whose parts are not those of an image. */
bool manifest_is_artifact(const char *bytes, size_t length);

/* Returns whether TYPE is the media type of an index. */
bool manifest_is_index_type(const char *type);

/* Rates ENTRY of an index for WANTED, as platform_rate; an artifact suits none. */
int manifest_rate(const struct descriptor *entry, const struct platform *wanted);

/* Finds the entry of INDEX that suits ARCHITECTURE best (as platform_parse reads it; NULL: this
 * host's), the first of several; else the first that names no platform. *RET is borrowed. Errors:
 * EXIT_INPUT, which lists the platforms that exist. */
[[nodiscard]] struct error *manifest_choose(const struct manifest *index, const char *name,
                                            const char *architecture,
                                            const struct descriptor **ret);

/* Returns OCI's media type of a layer in COMPRESSION, or NULL: it has none. */
const char *manifest_oci_layer_type(enum compression compression);

/* Returns the compression that the media type of LAYER, an image's, names. */
enum compression manifest_layer_compression(const struct descriptor *layer);

/* Appends an image's manifest to OUT. MANIFEST->items are its layers. */
void manifest_write(const struct manifest *manifest, struct buffer *out);

void manifest_free(struct manifest *manifest);

#endif
