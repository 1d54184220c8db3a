#include "host/format/bundle_files.h"

#include <inttypes.h>
#include <stdlib.h>

#include "host/image/image.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* bundle_source's read. */
static struct error *read_manifest(void *context, const struct descriptor *descriptor,
                                   struct buffer *ret)
{
    return blob_files_read_manifest(context, descriptor, ret);
}

/* Takes a blob into the store. */
static struct error *take_blob(const struct blob_files *blobs, struct store *store,
                               struct bundle_blob *blob)
{
    const struct image_files *files = blobs->files;
    CLEANUP(freep) char *name = xasprintf("%s%s", blobs->prefix, blob->digest.hex);
    CLEANUP(layer_intake_result_free) struct layer_intake_result taken = {0};

    TRY(files->take(files->context, name, LAYER_BLOB, &taken));
    if (taken.blob.size != blob->size || !digest_equal(&taken.blob.digest, &blob->digest))
        return error_new(EXIT_INPUT,
                         "read '%s': '%s' is damaged: it has %" PRIu64 " bytes, digest sha256:%s",
                         files->path, name, taken.blob.size, taken.blob.digest.hex);
    /* What is not compressed has one path for both forms. */
    char **path = taken.blob.path != NULL ? &taken.blob.path : &taken.tar.path;

    TRY(store_publish(store, STORE_BLOB, blob->digest.hex, *path, &blob->path));
    freep(path);
    *path = NULL;
    return NULL;
}

struct error *bundle_files_read(const struct blob_files *blobs, const char *label, const char *type,
                                struct buffer *bytes, bool root_only, struct store *store,
                                struct image_bundle *ret)
{
    struct blob_files context = *blobs;
    const struct bundle_source source = {&context, read_manifest};

    if (root_only)
        return image_bundle_add(label, type, bytes, ret);
    TRY(image_bundle_walk(&source, label, type, bytes, ret));
    for (size_t i = 0; i < ret->blob_count; i++) {
        ret->blobs[i].path = store_find_unchecked(store, STORE_BLOB, ret->blobs[i].digest.hex);
        if (ret->blobs[i].path == NULL)
            TRY(take_blob(blobs, store, &ret->blobs[i]));
    }
    return NULL;
}
