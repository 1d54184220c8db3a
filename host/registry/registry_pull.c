#include "host/registry/registry_pull.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/image/image_config.h"
#include "host/image/layer_tar.h"
#include "host/image/manifest.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/parallel.h"
#include "host/registry/blob_download.h"
#include "host/registry/cross_mount.h"
#include "host/registry/manifest_download.h"
#include "host/registry/registries_conf.h"
#include "host/registry/registry_place.h"
#include "host/registry/repository.h"
#include "host/tar/compression.h"
#include "host/tar/decompression.h"

/* An index may list indexes; one such step is all that is seen in practice. */
#define INDEX_DEPTH_MAX 2
#define ARTIFACTS_MAX 32 /* of an index, that are looked at in search of an image */

/* A pull in progress. */
struct pull {
    const struct reference *reference;
    const struct image_request *request;
    struct store *store; /* the request's */
    struct registry_endpoints places;
    const struct registry_endpoint *place; /* where the image is; NULL: not yet known */
    struct repository *repository;         /* there; NULL until a request is necessary */
    struct buffer bytes;                   /* of the manifest */
    bool is_chosen;                        /* by the platform that an index stated */
    struct manifest manifest;
    struct image *image;
    struct blob_downloads downloads;
};

static void pull_free(struct pull *pull)
{
    repository_free(pull->repository);
    registry_endpoints_free(&pull->places);
    buffer_free(&pull->bytes);
    manifest_free(&pull->manifest);
    image_free(pull->image);
}

/* Gets the manifest NAME from the first of the places that has it, which is settled on. */
static struct error *try_places(struct pull *pull, const char *name, const struct digest *wanted,
                                struct buffer *ret, char **ret_type)
{
    return registry_place_find(&pull->places, &pull->request->registry, name, wanted, pull->store,
                               ret, ret_type, &pull->repository, &pull->place);
}

static struct error *ask_manifest(struct pull *pull, const char *name, const struct digest *wanted,
                                  char **ret_type)
{
    if (pull->repository == NULL)
        return try_places(pull, name, wanted, &pull->bytes, ret_type);
    return manifest_download(pull->repository, name, wanted, pull->store, &pull->bytes, ret_type);
}

/* Opens the repository when it is first needed: what is named by digest may all be in the store. If
 * there are several places, the one that has the manifest will have the rest. */
static struct error *connect_repository(struct pull *pull)
{
    const struct registry_endpoint *place = &pull->places.items[0];
    struct repository_options options = {.access = &pull->request->registry,
                                         .insecure = place->insecure};
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(freep) char *type = NULL;
    struct digest digest;

    if (pull->repository != NULL)
        return NULL;
    if (pull->places.count == 1) {
        pull->place = place;
        return repository_open(&place->reference, &options, &pull->repository);
    }
    digest_of(pull->bytes.data, pull->bytes.length, &digest);
    CLEANUP(freep) char *name = xasprintf(DIGEST_PREFIX "%s", digest.hex);

    return error_context(try_places(pull, name, &digest, &bytes, &type), "get manifest '%s'", name);
}

/* Reads the manifest NAME, from the store if WANTED is there. */
static struct error *get_manifest(struct pull *pull, const char *name, const struct digest *wanted)
{
    CLEANUP(freep) char *type = NULL;
    CLEANUP(freep)
    char *path = wanted->hex[0] != '\0' ? store_find(pull->store, STORE_BLOB, wanted->hex) : NULL;

    buffer_free(&pull->bytes);
    if (path != NULL)
        TRY(file_read(path, "manifest", MANIFEST_SIZE_MAX, EXIT_INPUT, &pull->bytes));
    else
        TRY(error_context(ask_manifest(pull, name, wanted, &type), "get manifest '%s'", name));
    manifest_free(&pull->manifest);
    return manifest_parse(name, pull->bytes.data, pull->bytes.length, type, &pull->manifest);
}

/* Goes from the index in PULL->manifest to the image in it that suits best. An entry may turn out
 * to be an artifact, of which an index need not tell: then the next is taken. */
static struct error *choose_from_index(struct pull *pull, const char *name)
{
    CLEANUP(manifest_free) struct manifest index = pull->manifest;

    pull->manifest = (struct manifest){0};
    for (unsigned int artifacts = 0;; artifacts++) {
        const struct descriptor *chosen = NULL;

        TRY(manifest_choose(&index, name, pull->request->choice.architecture, &chosen));
        CLEANUP(freep) char *digest = xasprintf(DIGEST_PREFIX "%s", chosen->digest.hex);
        struct error *err = get_manifest(pull, digest, &chosen->digest);

        if (err == NULL) {
            pull->is_chosen = pull->is_chosen || chosen->architecture != NULL;
            return NULL;
        }
        if (artifacts + 1 == index.count || artifacts == ARTIFACTS_MAX ||
            !manifest_is_artifact(pull->bytes.data, pull->bytes.length))
            return err;
        error_free(err);
        index.items[chosen - index.items].is_artifact = true;
    }
}

/* Gets the manifest of the image, by way of an index if there is one. */
static struct error *resolve(struct pull *pull)
{
    const struct reference *reference = pull->reference;
    CLEANUP(freep)
    char *name = reference->digest.hex[0] != '\0'
                     ? xasprintf(DIGEST_PREFIX "%s", reference->digest.hex)
                     : xstrdup(reference->tag != NULL ? reference->tag : "latest");

    TRY(get_manifest(pull, name, &reference->digest));
    for (unsigned int depth = 0; pull->manifest.is_index; depth++) {
        if (depth == INDEX_DEPTH_MAX)
            return error_new(EXIT_INPUT, "read manifest '%s': indexes are nested too deeply", name);
        TRY(choose_from_index(pull, name));
    }
    return NULL;
}

static struct error *get_config(struct pull *pull)
{
    const struct descriptor *config = &pull->manifest.config;
    const atomic_bool never = false;
    CLEANUP(freep) char *name = xasprintf(DIGEST_PREFIX "%s", config->digest.hex);
    CLEANUP(freep) char *path = store_find(pull->store, STORE_BLOB, config->digest.hex);
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(freep) struct digest *diff_ids = NULL;
    size_t count = 0;

    if (path == NULL) {
        TRY(connect_repository(pull));
        pull->downloads.repository = pull->repository;
        TRY(blob_download(&pull->downloads, config, &never, &path));
        store_use(pull->store, path);
        TRY(store_settle(pull->store));
    }
    TRY(file_read(path, "config", MANIFEST_CONFIG_SIZE_MAX, EXIT_INPUT, &bytes));
    TRY(image_config_read(name, &bytes, pull->image, &diff_ids, &count));
    if (!pull->is_chosen)
        TRY(image_config_check_platform(name, pull->image, pull->request->choice.architecture));
    if (count != pull->manifest.count)
        return error_new(
            EXIT_INPUT, "read config '%s': the manifest lists %zu layers, but the config lists %zu",
            name, pull->manifest.count, count);
    for (size_t i = 0; i < count; i++)
        image_add_layer(pull->image, (struct layer){.diff_id = diff_ids[i]});
    return NULL;
}

/* Finds the layer's tar in the store. Returns false if it is not there, or if its blob is requested
 * as well, so that there is something to download. */
static bool find_tar(struct pull *pull, struct layer *layer)
{
    struct stat status;

    if (pull->request->forms != LAYER_TAR)
        return false;
    CLEANUP(freep) char *path = store_find_unchecked(pull->store, STORE_BLOB, layer->diff_id.hex);

    if (path == NULL || stat(path, &status) != 0)
        return false;
    layer->tar_path = STEAL(path);
    layer->size = (uint64_t)status.st_size;
    return true;
}

/* Reads the compression from the file: media types name it too, but some are wrong. */
static struct error *sniff_file(const char *path, enum compression *ret)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char magic[DECOMPRESSION_MAGIC_SIZE];
    ssize_t length = fd >= 0 ? read(fd, magic, sizeof magic) : -1;

    if (length < 0)
        return error_errno(EXIT_OTHER, "read blob '%s'", path);
    *ret = decompression_sniff(magic, (size_t)length);
    return NULL;
}

/* An uncompressed blob is the tar itself. */
static struct error *take_as_tar(struct layer *layer)
{
    if (!digest_equal(&layer->blob.digest, &layer->diff_id))
        return error_new(EXIT_INPUT,
                         "read layer '" DIGEST_PREFIX "%s': the config states diff ID "
                         "" DIGEST_PREFIX "%s",
                         layer->blob.digest.hex, layer->diff_id.hex);
    layer->tar_path = xstrdup(layer->blob.path);
    layer->size = layer->blob.size;
    return NULL;
}

static struct error *get_layer(struct pull *pull, size_t index, const atomic_bool *stopped)
{
    const struct descriptor *descriptor = &pull->manifest.items[index];
    struct layer *layer = &pull->image->layers[index];

    if (layer->tar_path != NULL || layer->blob.path != NULL)
        return NULL;
    TRY(blob_download(&pull->downloads, descriptor, stopped, &layer->blob.path));
    layer->blob.digest = descriptor->digest;
    layer->blob.size = descriptor->size;
    store_use(pull->store, layer->blob.path);
    TRY(sniff_file(layer->blob.path, &layer->blob.compression));
    if (layer->blob.compression == COMPRESSION_NONE)
        return take_as_tar(layer);
    if (pull->request->forms & LAYER_TAR)
        return layer_tar_need(layer, pull->store);
    return NULL;
}

/* Returns whether the layer INDEX is the same blob as one before it. */
static bool is_repeated(const struct pull *pull, size_t index)
{
    const struct descriptor *items = pull->manifest.items;

    for (size_t i = 0; i < index; i++)
        if (digest_equal(&items[i].digest, &items[index].digest))
            return true;
    return false;
}

/* Work of parallel_run: one layer. */
static struct error *get_new_layer(void *context, size_t index, const atomic_bool *stopped)
{
    return is_repeated(context, index) ? NULL : get_layer(context, index, stopped);
}

/* Fills in what the manifest says about the layers, for a request without their bytes. */
static void describe_layers(struct pull *pull)
{
    for (size_t i = 0; i < pull->image->layer_count; i++) {
        const struct descriptor *descriptor = &pull->manifest.items[i];
        struct layer *layer = &pull->image->layers[i];

        layer->blob.digest = descriptor->digest;
        layer->blob.size = descriptor->size;
        layer->blob.compression = manifest_layer_compression(descriptor);
        if (digest_equal(&descriptor->digest, &layer->diff_id))
            layer->size = descriptor->size;
    }
}

static struct error *get_layers(struct pull *pull)
{
    struct image *image = pull->image;
    const atomic_bool never = false;
    bool missing = false;

    pull->downloads.done = 0;
    for (size_t i = 0; i < image->layer_count; i++) {
        if (find_tar(pull, &image->layers[i]))
            continue;
        pull->downloads.total += pull->manifest.items[i].size;
        CLEANUP(freep)
        char *path =
            store_find_unchecked(pull->store, STORE_BLOB, pull->manifest.items[i].digest.hex);

        missing = missing || path == NULL;
    }
    if (missing)
        TRY(connect_repository(pull));
    pull->downloads.repository = pull->repository;
    TRY(parallel_run(image->layer_count, REGISTRY_TRANSFERS, get_new_layer, pull));
    for (size_t i = 0; i < image->layer_count; i++) /* repeated ones are in the store by now */
        TRY(get_layer(pull, i, &never));
    return NULL;
}

char *registry_familiar_name(const struct reference *reference)
{
    const char *name = reference->name;

    if (strcmp(reference->host, "docker.io") != 0)
        return xasprintf("%s/%s", reference->host, name);
    return xstrdup(strncmp(name, "library/", 8) == 0 ? name + 8 : name);
}

static struct error *pull_image(struct pull *pull)
{
    const struct reference *reference = pull->reference;
    struct image *image = pull->image = xcalloc(1, sizeof *pull->image);

    pull->downloads.store = pull->store;
    TRY(resolve(pull));
    TRY(get_config(pull));
    if (pull->request->forms == 0)
        describe_layers(pull);
    else
        TRY(get_layers(pull));
    for (size_t i = 0; i < pull->manifest.count && pull->repository != NULL; i++)
        cross_mount_add(pull->store, &pull->manifest.items[i].digest, &pull->place->reference);
    image->name = registry_familiar_name(reference);
    if (reference->tag != NULL)
        image->tag = xstrdup(reference->tag);
    else if (reference->digest.hex[0] == '\0')
        image->tag = xstrdup("latest");
    image->manifest = pull->bytes;
    pull->bytes = (struct buffer){0};
    image->manifest_type = xstrdup(pull->manifest.media_type);
    return NULL;
}

/* Pulls what REFERENCE, without an alias, names. */
static struct error *pull_reference(const struct reference *reference,
                                    const struct image_request *request, struct image **ret)
{
    CLEANUP(pull_free)
    struct pull pull = {.reference = reference, .request = request, .store = request->store};

    TRY(registries_conf_pull(reference, &request->registry, &pull.places));
    TRY(pull_image(&pull));
    *ret = STEAL(pull.image);
    return NULL;
}

struct error *registry_pull(const struct reference *reference, const struct image_request *request,
                            struct image **ret)
{
    CLEANUP(reference_free) struct reference resolved = {0};
    struct error *err = registry_place_resolve(reference, &resolved);

    if (err == NULL)
        err = pull_reference(&resolved, request, ret);
    if (err == NULL)
        return NULL;
    CLEANUP(freep) char *name = reference_format(reference);

    return error_context(err, "pull '%s'", name);
}
