#include "host/format/image_record.h"

#include <stdlib.h>
#include <string.h>

#include "host/image/layer_tar.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/memory.h"
#include "host/store/store_record.h"
#include "host/tar/compression.h"

#define KIND "inputs"

static struct json *describe_layer(const struct layer *layer)
{
    struct json *object = json_object();

    json_set(object, "diff_id", json_string(layer->diff_id.hex));
    json_set(object, "size", json_integer((int64_t)layer->size));
    if (layer->blob.digest.hex[0] == '\0')
        return object;
    json_set(object, "blob", json_string(layer->blob.digest.hex));
    json_set(object, "blob_size", json_integer((int64_t)layer->blob.size));
    json_set(object, "compression", json_integer(layer->blob.compression));
    return object;
}

static void set_text(struct json *object, const char *key, const char *text)
{
    if (text != NULL)
        json_set(object, key, json_string(text));
}

void image_record_put(struct store *store, const struct digest *key, const struct image *image)
{
    CLEANUP(json_freep) struct json *record = json_object();
    struct json *layers = json_array();

    set_text(record, "name", image->name);
    set_text(record, "tag", image->tag);
    json_set(record, "config", json_copy(image->config));
    if (image->annotations != NULL)
        json_set(record, "annotations", json_copy(image->annotations));
    /* Documents are text (JSON without NUL), so they can be strings here. */
    set_text(record, "config_bytes", image->config_bytes.data);
    set_text(record, "manifest", image->manifest.data);
    set_text(record, "manifest_type", image->manifest_type);
    for (size_t i = 0; i < image->layer_count; i++)
        json_append(layers, describe_layer(&image->layers[i]));
    json_set(record, "layers", layers);
    json_set(record, "found", json_integer((int64_t)image->found_count));
    store_record_put(store, KIND, key->hex, record);
}

static bool get_digest(const struct json *object, const char *key, struct digest *ret)
{
    const char *hex = json_get_string(object, key);

    if (hex == NULL || !digest_is_hex(hex))
        return false;
    memcpy(ret->hex, hex, sizeof ret->hex);
    return true;
}

/* Reads the record of LAYER's blob, if there is one. */
static bool get_blob(const struct json *record, struct layer *layer)
{
    uint64_t compression;

    if (json_get(record, "blob") == NULL)
        return true;
    if (!get_digest(record, "blob", &layer->blob.digest) ||
        !json_to_unsigned(json_get(record, "blob_size"), IMAGE_LAYER_SIZE_MAX, &layer->blob.size) ||
        !json_to_unsigned(json_get(record, "compression"), COMPRESSION_BZIP2, &compression))
        return false;
    layer->blob.compression = (enum compression)compression;
    return true;
}

/* Finds the requested forms of LAYER in the store. A missing tar can be made from the blob. */
static bool find_forms(struct store *store, unsigned int forms, struct layer *layer)
{
    bool has_blob = layer->blob.digest.hex[0] != '\0';
    bool compressed = layer->blob.compression != COMPRESSION_NONE;

    if (forms == 0)
        return true;
    layer->tar_path = store_find_unchecked(store, STORE_BLOB, layer->diff_id.hex);
    if (has_blob && (forms & LAYER_BLOB || layer->tar_path == NULL))
        layer->blob.path = store_find_unchecked(store, STORE_BLOB, layer->blob.digest.hex);
    if (has_blob && forms & LAYER_BLOB && layer->blob.path == NULL)
        return false;
    if (layer->tar_path != NULL || (compressed && !(forms & LAYER_TAR)))
        return true;
    CLEANUP(error_freep)
    struct error *err = layer->blob.path != NULL ? layer_tar_need(layer, store) : NULL;

    return err == NULL && layer->tar_path != NULL;
}

static bool get_layer(struct store *store, const struct json *record, unsigned int forms,
                      struct image *image)
{
    CLEANUP(layer_free) struct layer layer = {0};

    if (!get_digest(record, "diff_id", &layer.diff_id) ||
        !json_to_unsigned(json_get(record, "size"), IMAGE_LAYER_SIZE_MAX, &layer.size) ||
        !get_blob(record, &layer) || !find_forms(store, forms, &layer))
        return false;
    image_add_layer(image, layer);
    layer = (struct layer){0};
    return true;
}

static char *get_text(const struct json *record, const char *key)
{
    const char *text = json_get_string(record, key);

    return text != NULL ? xstrdup(text) : NULL;
}

static void get_bytes(const struct json *record, const char *key, struct buffer *ret)
{
    const char *text = json_get_string(record, key);

    if (text != NULL)
        buffer_append(ret, text, strlen(text));
}

struct image *image_record_get(struct store *store, const struct digest *key, unsigned int forms)
{
    CLEANUP(json_freep) struct json *record = store_record_get(store, KIND, key->hex);
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    const struct json *config = json_get(record, "config");
    const struct json *layers = json_get(record, "layers");
    uint64_t found;

    if (config == NULL || layers == NULL || layers->type != JSON_ARRAY)
        return NULL;
    const struct json *annotations = json_get(record, "annotations");

    image->config = json_copy(config);
    image->annotations = annotations != NULL ? json_copy(annotations) : NULL;
    image->name = get_text(record, "name");
    image->tag = get_text(record, "tag");
    image->manifest_type = get_text(record, "manifest_type");
    get_bytes(record, "config_bytes", &image->config_bytes);
    get_bytes(record, "manifest", &image->manifest);
    for (size_t i = 0; i < layers->count; i++)
        if (!get_layer(store, layers->items[i], forms, image))
            return NULL;
    if (json_to_unsigned(json_get(record, "found"), image->layer_count, &found))
        image->found_count = (size_t)found;
    return STEAL(image);
}
