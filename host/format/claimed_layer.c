#include "host/format/claimed_layer.h"

#include <inttypes.h>
#include <stdlib.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/store/store.h"
#include "host/tar/compression.h"

static char *copy(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

/* Returns the layer of IMAGE that is the same as CLAIM, or NULL. Images repeat layers, in
 * particular empty ones. */
static const struct layer *find_same(const struct claimed_layer *claim, const struct image *image)
{
    for (size_t i = 0; i < image->layer_count && claim->diff_id != NULL; i++) {
        const struct layer *layer = &image->layers[i];
        const struct digest *blob =
            layer->blob.digest.hex[0] != '\0' ? &layer->blob.digest : &layer->diff_id;

        if (digest_equal(&layer->diff_id, claim->diff_id) &&
            (claim->blob == NULL || digest_equal(blob, claim->blob)))
            return layer;
    }
    return NULL;
}

static void add_copy(struct image *image, const struct layer *layer)
{
    struct layer same = *layer;

    same.tar_path = copy(layer->tar_path);
    same.blob.path = copy(layer->blob.path);
    same.tarsum = NULL;
    image_add_layer(image, same);
}

/* Compares what was taken in with what was claimed. */
static struct error *check(const struct claimed_layer *claim, const char *path,
                           struct layer_intake_result *result)
{
    if (claim->blob != NULL && result->blob.size != claim->blob_size)
        return error_new(EXIT_INPUT,
                         "read '%s': layer '%s' has %" PRIu64 " bytes, but the manifest "
                         "states %" PRIu64,
                         path, claim->file, result->blob.size, claim->blob_size);
    if (claim->blob != NULL && !digest_equal(&result->blob.digest, claim->blob))
        return error_new(EXIT_INPUT,
                         "read '%s': layer '%s' is damaged: its digest is sha256:%s, but the "
                         "manifest states sha256:%s",
                         path, claim->file, result->blob.digest.hex, claim->blob->hex);
    if (result->damage != NULL)
        return STEAL(result->damage);
    if (claim->diff_id != NULL && !digest_equal(&result->tar.digest, claim->diff_id))
        return error_new(EXIT_INPUT,
                         "read '%s': layer '%s' is damaged: its diff ID is sha256:%s, but the "
                         "config states sha256:%s",
                         path, claim->file, result->tar.digest.hex, claim->diff_id->hex);
    return NULL;
}

/* Publishes FORM, unless *PATH is set: then the store has it. */
static struct error *publish(struct store *store, struct layer_intake_form *form, char **path)
{
    if (*path != NULL || form->path == NULL)
        return NULL;
    TRY(store_publish(store, STORE_BLOB, form->digest.hex, form->path, path));
    freep(&form->path);
    form->path = NULL;
    return NULL;
}

/* Fills in LAYER, which may have paths already, from RESULT, which was checked. */
static struct error *make_layer(const struct claimed_layer *claim,
                                const struct image_request *request,
                                struct layer_intake_result *result, struct layer *layer)
{
    bool compressed = result->compression != COMPRESSION_NONE;

    layer->diff_id = result->tar.digest;
    layer->size = result->tar.size;
    if (request->forms & LAYER_TAR || !compressed)
        TRY(publish(request->store, &result->tar, &layer->tar_path));
    if (compressed && request->forms & LAYER_BLOB)
        TRY(publish(request->store, &result->blob, &layer->blob.path));
    if (compressed || claim->keeps_blob) {
        layer->blob.digest = result->blob.digest;
        layer->blob.size = result->blob.size;
        layer->blob.compression = result->compression;
    }
    if (!compressed) {
        freep(&layer->blob.path);
        layer->blob.path = claim->keeps_blob ? copy(layer->tar_path) : NULL;
    }
    return NULL;
}

static char *find_in_store(struct store *store, const struct digest *digest)
{
    return digest != NULL ? store_find_unchecked(store, STORE_BLOB, digest->hex) : NULL;
}

/* Looks for the requested forms in the store. Returns those that are missing. */
static unsigned int find_forms(const struct claimed_layer *claim,
                               const struct image_request *request, struct layer *layer)
{
    unsigned int missing = 0;

    if (request->forms != 0)
        layer->tar_path = find_in_store(request->store, claim->diff_id);
    if (request->forms & LAYER_BLOB)
        layer->blob.path = find_in_store(request->store, claim->blob);
    if (request->forms & LAYER_TAR && layer->tar_path == NULL)
        missing |= LAYER_TAR;
    if (request->forms & LAYER_BLOB && layer->blob.path == NULL)
        missing |= LAYER_BLOB;
    return missing;
}

struct error *claimed_layer_get(const struct claimed_layer *claim, const struct image_files *files,
                                const struct image_request *request, struct image *image)
{
    const struct layer *same = find_same(claim, image);
    CLEANUP(layer_intake_result_free) struct layer_intake_result result = {0};
    CLEANUP(layer_free) struct layer layer = {0};

    if (same != NULL) {
        add_copy(image, same);
        return NULL;
    }
    unsigned int missing = find_forms(claim, request, &layer);

    TRY(files->take(files->context, claim->file, missing, &result));
    TRY(check(claim, files->path, &result));
    TRY(make_layer(claim, request, &result, &layer));
    image_add_layer(image, layer);
    layer = (struct layer){0};
    return NULL;
}
