#include <stdlib.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/format/image_source.h"
#include "host/image/image.h"
#include "host/image/image_bundle.h"
#include "host/image/image_config.h"
#include "host/image/manifest.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/store/store.h"
#include "host/tar/compression.h"

static struct json *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static struct json *digest_text(const struct digest *digest)
{
    CLEANUP(freep) char *text = xasprintf(DIGEST_PREFIX "%s", digest->hex);

    return json_string(text);
}

/* Whether the uncompressed size of LAYER is known: it is not if the layer is only in a registry. */
static bool is_measured(const struct layer *layer)
{
    struct digest nothing;

    digest_of("", 0, &nothing);
    return layer->size > 0 || digest_equal(&layer->diff_id, &nothing);
}

/* Returns LAYER as the image has it; an uncompressed layer is its own blob. The caller frees it. */
static struct json *describe_layer(const struct layer *layer)
{
    bool has_blob = layer->blob.digest.hex[0] != '\0';
    struct json *object = json_object();

    json_set(object, "digest", digest_text(has_blob ? &layer->blob.digest : &layer->diff_id));
    json_set(object, "diffID", digest_text(&layer->diff_id));
    json_set(object, "size", json_integer((int64_t)(has_blob ? layer->blob.size : layer->size)));
    json_set(object, "uncompressedSize",
             is_measured(layer) ? json_integer((int64_t)layer->size) : json_null());
    json_set(object, "compression",
             json_string(compression_name(has_blob ? layer->blob.compression : COMPRESSION_NONE)));
    return object;
}

static void copy_member(struct json *to, const struct json *from, const char *key)
{
    const struct json *value = json_get(from, key);

    if (value != NULL)
        json_set(to, key, json_copy(value));
}

static void set_digest_of(struct json *object, const char *key, const struct buffer *bytes)
{
    struct digest digest;

    if (bytes->length == 0)
        return;
    digest_of(bytes->data, bytes->length, &digest);
    json_set(object, key, digest_text(&digest));
}

static struct json *describe(const struct image *image)
{
    struct json *object = json_object();
    struct json *layers = json_array();
    bool measured = true;
    uint64_t size = 0;

    json_set(object, "name", text_or_null(image->name));
    json_set(object, "tag", text_or_null(image->tag));
    set_digest_of(object, "id", &image->config_bytes);
    set_digest_of(object, "digest", &image->manifest);
    copy_member(object, image->config, "created");
    copy_member(object, image->config, "author");
    copy_member(object, image->config, "architecture");
    copy_member(object, image->config, "variant");
    copy_member(object, image->config, "os");
    copy_member(object, image->config, "config");
    for (size_t i = 0; i < image->layer_count; i++) {
        json_append(layers, describe_layer(&image->layers[i]));
        size += image->layers[i].size;
        measured = measured && is_measured(&image->layers[i]);
    }
    json_set(object, "layers", layers);
    json_set(object, "size", measured ? json_integer((int64_t)size) : json_null());
    copy_member(object, image->config, "history");
    return object;
}

/* Makes the manifest of an image from one of Docker's archives, which have none: its layers are as
 * they are in the archive. */
static void make_manifest(const struct image *image, struct buffer *out)
{
    CLEANUP(manifest_free) struct manifest manifest = {0};
    CLEANUP(buffer_free) struct buffer config = {0};

    image_config_write(image, &config);
    manifest.media_type = xstrdup(MANIFEST_DOCKER);
    manifest.config.media_type = xstrdup("application/vnd.docker.container.image.v1+json");
    manifest.config.size = config.length;
    digest_of(config.data, config.length, &manifest.config.digest);
    manifest.items = xcalloc(image->layer_count, sizeof *manifest.items);
    for (size_t i = 0; i < image->layer_count; i++) {
        struct descriptor *layer = &manifest.items[manifest.count++];

        layer->media_type = xstrdup("application/vnd.docker.image.rootfs.diff.tar");
        layer->digest = image->layers[i].diff_id;
        layer->size = image->layers[i].size;
    }
    manifest_write(&manifest, out);
}

/* Reads the manifest or the index of what REFERENCE names; if a platform is required, the manifest
 * of the image for it. */
static struct error *read_raw(const struct reference *reference,
                              const struct image_request *request, struct buffer *out)
{
    CLEANUP(image_bundle_free) struct image_bundle bundle = {0};
    CLEANUP(image_freep) struct image *image = NULL;

    if (request->choice.architecture == NULL)
        TRY(image_open_bundle(reference, request, true, &bundle));
    const struct bundle_manifest *root = image_bundle_root(&bundle);

    if (root != NULL) {
        buffer_append(out, root->bytes.data, root->bytes.length);
        return NULL;
    }
    TRY(image_open(reference, request, &image));
    if (image->manifest.length > 0)
        buffer_append(out, image->manifest.data, image->manifest.length);
    else
        make_manifest(image, out);
    return NULL;
}

static struct error *read_image(const struct options *options, const struct reference *reference,
                                const struct image_request *request, struct buffer *out)
{
    CLEANUP(image_freep) struct image *image = NULL;

    TRY(image_open(reference, request, &image));
    if (options->config) {
        image_config_write(image, out);
        return NULL;
    }
    CLEANUP(json_freep) struct json *description = describe(image);

    json_write(description, true, out);
    return NULL;
}

struct error *inspect_command(const struct options *options)
{
    CLEANUP(reference_free) struct reference reference = {0};
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(buffer_free) struct buffer text = {0};

    TRY(reference_parse(options->arguments.items[0], &reference));
    TRY(store_open(options->cache_dir, options->no_cache, &store));
    struct image_request request = options_image_request(options, 0, store);

    TRY(options->raw && !options->config ? read_raw(&reference, &request, &text)
                                         : read_image(options, &reference, &request, &text));
    return file_write(text.data, text.length, STDOUT_FILENO, "standard output");
}
