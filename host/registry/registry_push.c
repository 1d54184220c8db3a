#include "host/registry/registry_push.h"

#include <stdlib.h>
#include <string.h>

#include "host/image/layer_blob.h"
#include "host/image/layer_tar.h"
#include "host/image/manifest.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/parallel.h"
#include "host/registry/blob_upload.h"
#include "host/registry/cross_mount.h"
#include "host/registry/manifest_upload.h"
#include "host/registry/registry_pull.h"
#include "host/registry/repository.h"
#include "host/tar/compression.h"

#define DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar.gzip"

/* A push in progress. Its blobs are the layers, then the config. */
struct push {
    const struct image *image;
    const struct reference *references; /* all of one repository */
    size_t reference_count;
    const struct registry_access *access;
    struct store *store;
    struct buffer config;
    struct buffer manifest;
    const char *manifest_type;
    struct blob_source *blobs;
    enum compression *compressions; /* of the layers */
    size_t blob_count;
    struct strings owned; /* what the blobs borrow */
    struct blob_uploads uploads;
};

static void push_free(struct push *push)
{
    buffer_free(&push->config);
    buffer_free(&push->manifest);
    free(push->blobs);
    free(push->compressions);
    strings_free(&push->owned);
    repository_free(push->uploads.repository);
}

/* Takes the layer's blob as it is. Returns false if it cannot be pushed. */
static bool take_blob(const struct layer *layer, struct blob_source *ret)
{
    if (layer->blob.path == NULL || (layer->blob.compression != COMPRESSION_GZIP &&
                                     layer->blob.compression != COMPRESSION_ZSTD))
        return false;
    ret->path = layer->blob.path;
    ret->digest = layer->blob.digest;
    ret->size = layer->blob.size;
    return true;
}

/* Chooses the blob of each layer of an image without a manifest, compressing tars. */
static struct error *choose_blobs(struct push *push)
{
    for (size_t i = 0; i < push->image->layer_count; i++) {
        struct layer *layer = &push->image->layers[i];
        struct layer_blob made;

        push->compressions[i] = layer->blob.compression;
        if (take_blob(layer, &push->blobs[i]))
            continue;
        TRY(layer_tar_need(layer, push->store));
        TRY(layer_blob_get(layer->tar_path, &layer->diff_id, COMPRESSION_GZIP, push->store, &made));
        strings_take(&push->owned, made.path);
        push->compressions[i] = COMPRESSION_GZIP;
        push->blobs[i].path = made.path;
        push->blobs[i].digest = made.digest;
        push->blobs[i].size = made.size;
    }
    return NULL;
}

/* Fills in the config, the last of the blobs. */
static void take_config(struct push *push)
{
    struct blob_source *config = &push->blobs[push->image->layer_count];

    if (push->image->config_bytes.length > 0)
        buffer_append(&push->config, push->image->config_bytes.data,
                      push->image->config_bytes.length);
    else
        json_write(push->image->config, false, &push->config);
    config->bytes = push->config.data;
    config->size = push->config.length;
    digest_of(push->config.data, push->config.length, &config->digest);
}

/* Writes the manifest for the blobs. */
static void make_manifest(struct push *push)
{
    size_t layers = push->image->layer_count;
    const struct blob_source *config = &push->blobs[layers];
    const struct json *annotations = push->image->annotations;
    bool oci = annotations != NULL && annotations->count > 0;

    for (size_t i = 0; i < layers; i++)
        oci = oci || push->compressions[i] == COMPRESSION_ZSTD;
    struct manifest manifest = {.config = {.digest = config->digest, .size = config->size},
                                .count = layers,
                                .annotations = annotations};

    manifest.media_type = xstrdup(oci ? MANIFEST_OCI : MANIFEST_DOCKER);
    manifest.config.media_type = xstrdup(oci ? MANIFEST_OCI_CONFIG : DOCKER_CONFIG);
    manifest.items = xcalloc(layers, sizeof *manifest.items);
    for (size_t i = 0; i < layers; i++) {
        struct descriptor *layer = &manifest.items[i];

        layer->digest = push->blobs[i].digest;
        layer->size = push->blobs[i].size;
        layer->media_type =
            xstrdup(oci ? manifest_oci_layer_type(push->compressions[i]) : DOCKER_LAYER);
    }
    manifest_write(&manifest, &push->manifest);
    manifest_free(&manifest);
    push->manifest_type = oci ? MANIFEST_OCI : MANIFEST_DOCKER;
}

/* Takes the blobs that the image's own manifest names. Returns false if one of them is not
 * available. */
static bool take_manifest(struct push *push)
{
    const struct image *image = push->image;
    CLEANUP(manifest_free) struct manifest manifest = {0};
    const struct blob_source *config = &push->blobs[image->layer_count];
    struct error *err = NULL;

    if (image->manifest.length == 0 || image->manifest_type == NULL)
        return false;
    err = manifest_parse("of the image", image->manifest.data, image->manifest.length,
                         image->manifest_type, &manifest);
    bool usable = err == NULL && !manifest.is_index && manifest.count == image->layer_count &&
                  digest_equal(&manifest.config.digest, &config->digest);

    error_free(err);
    for (size_t i = 0; usable && i < manifest.count; i++) {
        const struct layer *layer = &image->layers[i];
        const struct digest *digest = &manifest.items[i].digest;
        const char *path = digest_equal(digest, &layer->blob.digest) ? layer->blob.path
                           : digest_equal(digest, &layer->diff_id)   ? layer->tar_path
                                                                     : NULL;

        push->blobs[i] =
            (struct blob_source){.path = path, .digest = *digest, .size = manifest.items[i].size};
        usable = path != NULL;
    }
    if (!usable)
        return false;
    buffer_append(&push->manifest, image->manifest.data, image->manifest.length);
    push->manifest_type = image->manifest_type;
    return true;
}

/* Finds where each layer could be mounted from, in a limited number of repositories: each takes a
 * token. */
static void find_mount_sources(struct push *push)
{
    CLEANUP(strings_free) struct strings sources = {0};

    for (size_t i = 0; i < push->image->layer_count; i++) {
        char *source = cross_mount_find(push->store, &push->blobs[i].digest, push->references);

        if (source == NULL)
            continue;
        strings_take(&push->owned, source);
        bool known = strings_contain(&sources, source);

        if (!known && sources.count == CROSS_MOUNT_SOURCES_MAX)
            continue;
        if (!known)
            strings_add(&sources, source);
        push->blobs[i].mount_source = source;
    }
}

static struct error *connect_repository(struct push *push)
{
    struct repository_options options = {.access = push->access, .push = true};

    find_mount_sources(push);
    return repository_open(push->references, &options, &push->uploads.repository);
}

/* Work of parallel_run: one blob. One that occurs twice is sent once. */
static struct error *put_blob(void *context, size_t index, const atomic_bool *stopped)
{
    struct push *push = context;

    for (size_t i = 0; i < index; i++)
        if (digest_equal(&push->blobs[i].digest, &push->blobs[index].digest))
            return NULL;
    return blob_upload(&push->uploads, &push->blobs[index], stopped);
}

/* Puts the manifest under the tag of each reference, or its digest. *RET_DIGEST is its digest. */
static struct error *put_manifest(struct push *push, struct digest *ret_digest)
{
    struct digest digest;

    digest_of(push->manifest.data, push->manifest.length, &digest);
    for (size_t i = 0; i < push->reference_count; i++) {
        const struct reference *reference = &push->references[i];
        bool has_digest = reference->digest.hex[0] != '\0';
        const char *tag = reference->tag != NULL || has_digest ? reference->tag : "latest";

        if (has_digest && !digest_equal(&reference->digest, &digest))
            return error_new(EXIT_INPUT, "the image's manifest has digest " DIGEST_PREFIX "%s",
                             digest.hex);
        TRY(manifest_upload(push->uploads.repository, tag, push->manifest_type, &push->manifest,
                            ret_digest));
    }
    return NULL;
}

static struct error *push_image(struct push *push, struct digest *ret)
{
    size_t layers = push->image->layer_count;

    push->blob_count = layers + 1;
    push->blobs = xcalloc(push->blob_count, sizeof *push->blobs);
    push->compressions = xcalloc(push->blob_count, sizeof *push->compressions);
    take_config(push);
    if (!take_manifest(push)) {
        TRY(choose_blobs(push));
        make_manifest(push);
    }
    for (size_t i = 0; i < push->blob_count; i++)
        push->uploads.total += push->blobs[i].size;
    push->uploads.store = push->store;
    TRY(connect_repository(push));
    TRY(parallel_run(push->blob_count, REGISTRY_TRANSFERS, put_blob, push));
    TRY(put_manifest(push, ret));
    for (size_t i = 0; i < layers; i++)
        cross_mount_add(push->store, &push->blobs[i].digest, push->references);
    return NULL;
}

struct error *registry_push(const struct image *image, const struct reference *references,
                            size_t count, const struct registry_access *access, struct store *store,
                            struct digest *ret)
{
    CLEANUP(push_free)
    struct push push = {.image = image,
                        .references = references,
                        .reference_count = count,
                        .access = access,
                        .store = store};
    struct error *err = push_image(&push, ret);

    if (err != NULL) {
        CLEANUP(freep) char *name = reference_format(references);

        return error_context(err, "push '%s'", name);
    }
    return NULL;
}
