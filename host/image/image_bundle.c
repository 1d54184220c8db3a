#include "host/image/image_bundle.h"

#include <stdbool.h>
#include <stdlib.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define DEPTH_MAX 4 /* of indexes in indexes */
#define MANIFESTS_MAX 4096
#define MANIFESTS_SIZE_MAX (64u << 20) /* bytes of all of them, which are kept in memory */
#define BLOBS_MAX 65536

static bool has_manifest(const struct image_bundle *bundle, const struct digest *digest)
{
    for (size_t i = 0; i < bundle->manifest_count; i++)
        if (digest_equal(&bundle->manifests[i].digest, digest))
            return true;
    return false;
}

static struct error *add_blob(const char *name, const struct descriptor *descriptor,
                              struct image_bundle *bundle)
{
    for (size_t i = 0; i < bundle->blob_count; i++)
        if (digest_equal(&bundle->blobs[i].digest, &descriptor->digest))
            return NULL;
    if (bundle->blob_count == BLOBS_MAX)
        return error_new(EXIT_INPUT, "read manifest '%s': more than %d blobs", name, BLOBS_MAX);
    bundle->blobs = xreallocarray(bundle->blobs, bundle->blob_count + 1, sizeof *bundle->blobs);
    bundle->blobs[bundle->blob_count++] =
        (struct bundle_blob){.digest = descriptor->digest, .size = descriptor->size};
    return NULL;
}

static struct error *add_blobs(const char *name, const struct manifest *manifest,
                               struct image_bundle *bundle)
{
    if (*manifest->config.digest.hex != '\0')
        TRY(add_blob(name, &manifest->config, bundle));
    for (size_t i = 0; i < manifest->count; i++)
        if (!manifest->items[i].is_foreign)
            TRY(add_blob(name, &manifest->items[i], bundle));
    return NULL;
}

void image_bundle_take_blob(struct image_bundle *bundle, struct bundle_blob blob)
{
    for (size_t i = 0; i < bundle->blob_count; i++) {
        if (!digest_equal(&bundle->blobs[i].digest, &blob.digest))
            continue;
        free(blob.path);
        free(blob.bytes);
        return;
    }
    bundle->blobs = xreallocarray(bundle->blobs, bundle->blob_count + 1, sizeof *bundle->blobs);
    bundle->blobs[bundle->blob_count++] = blob;
}

void image_bundle_take_manifest(struct image_bundle *bundle, const char *type, struct buffer *bytes)
{
    bundle->manifests =
        xreallocarray(bundle->manifests, bundle->manifest_count + 1, sizeof *bundle->manifests);
    struct bundle_manifest *added = &bundle->manifests[bundle->manifest_count++];

    *added = (struct bundle_manifest){.type = xstrdup(type), .bytes = *bytes};
    digest_of(bytes->data, bytes->length, &added->digest);
    *bytes = (struct buffer){0};
}

static struct error *walk(const struct bundle_source *source, const char *name, const char *type,
                          struct buffer *bytes, unsigned int depth, struct image_bundle *bundle);

/* Reads the manifests that INDEX names. DEPTH_MAX limits the depth. */
static struct error *walk_index(const struct bundle_source *source, /* NOLINT(misc-no-recursion) */
                                const char *name, const struct manifest *index, unsigned int depth,
                                struct image_bundle *bundle)
{
    if (depth == DEPTH_MAX)
        return error_new(EXIT_INPUT, "read manifest '%s': indexes are nested too deeply", name);
    for (size_t i = 0; i < index->count; i++) {
        const struct descriptor *entry = &index->items[i];
        CLEANUP(buffer_free) struct buffer bytes = {0};
        CLEANUP(freep) char *label = xasprintf(DIGEST_PREFIX "%s", entry->digest.hex);

        if (*entry->digest.hex == '\0')
            return error_new(EXIT_INPUT, "read manifest '%s': a digest is not SHA-256", name);
        if (has_manifest(bundle, &entry->digest))
            continue;
        TRY(source->read(source->context, entry, &bytes));
        TRY(walk(source, label, entry->media_type, &bytes, depth + 1, bundle));
    }
    return NULL;
}

/* Counts a manifest of LENGTH bytes. */
static struct error *count_manifest(const char *name, size_t length, struct image_bundle *bundle)
{
    if (bundle->manifest_count >= MANIFESTS_MAX)
        return error_new(EXIT_INPUT, "read manifest '%s': more than %d manifests", name,
                         MANIFESTS_MAX);
    bundle->manifests_size += length;
    if (bundle->manifests_size > MANIFESTS_SIZE_MAX)
        return error_new(EXIT_INPUT, "read manifest '%s': manifests of more than %u MiB together",
                         name, MANIFESTS_SIZE_MAX >> 20);
    return NULL;
}

static struct error *walk(const struct bundle_source *source, /* NOLINT(misc-no-recursion) */
                          const char *name, const char *type, struct buffer *bytes,
                          unsigned int depth, struct image_bundle *bundle)
{
    CLEANUP(manifest_free) struct manifest manifest = {0};

    TRY(count_manifest(name, bytes->length, bundle));
    TRY(manifest_parse_any(name, bytes->data, bytes->length, type, &manifest));
    TRY(manifest.is_index ? walk_index(source, name, &manifest, depth, bundle)
                          : add_blobs(name, &manifest, bundle));
    image_bundle_take_manifest(bundle, manifest.media_type, bytes);
    return NULL;
}

struct error *image_bundle_walk(const struct bundle_source *source, const char *name,
                                const char *type, struct buffer *bytes, struct image_bundle *ret)
{
    return walk(source, name, type, bytes, 0, ret);
}

struct error *image_bundle_add(const char *name, const char *type, struct buffer *bytes,
                               struct image_bundle *ret)
{
    CLEANUP(manifest_free) struct manifest manifest = {0};

    TRY(manifest_parse_any(name, bytes->data, bytes->length, type, &manifest));
    image_bundle_take_manifest(ret, manifest.media_type, bytes);
    return NULL;
}

const struct bundle_manifest *image_bundle_root(const struct image_bundle *bundle)
{
    return bundle->manifest_count > 0 ? &bundle->manifests[bundle->manifest_count - 1] : NULL;
}

void image_bundle_free(struct image_bundle *bundle)
{
    for (size_t i = 0; i < bundle->manifest_count; i++) {
        free(bundle->manifests[i].type);
        buffer_free(&bundle->manifests[i].bytes);
    }
    for (size_t i = 0; i < bundle->blob_count; i++) {
        free(bundle->blobs[i].path);
        free(bundle->blobs[i].bytes);
    }
    free(bundle->manifests);
    free(bundle->blobs);
    free(bundle->name);
    free(bundle->tag);
    *bundle = (struct image_bundle){0};
}
