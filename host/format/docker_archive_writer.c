#include "host/format/docker_archive_writer.h"

#include <string.h>

#include "host/format/v1_image.h"
#include "host/image/image_config.h"
#include "host/image/layer_blob.h"
#include "host/image/layer_tar.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/store/store_copy.h"
#include "host/tar/compression.h"

static struct error *write_json(struct tar_writer *writer, const char *path,
                                const struct json *document)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    json_write(document, false, &text);
    buffer_append(&text, "\n", 1);
    return tar_writer_bytes(writer, path, text.data, text.length);
}

static struct error *write_manifest(const struct image *image, const struct digest *ids,
                                    const char *config_path, struct tar_writer *writer)
{
    CLEANUP(json_freep) struct json *manifest = json_array();
    struct json *entry = json_object(), *tags = json_null(), *layers = json_array();

    if (image->name != NULL) {
        CLEANUP(freep)
        char *name = xasprintf("%s:%s", image->name, image->tag != NULL ? image->tag : "latest");

        json_free(tags);
        tags = json_array();
        json_append(tags, json_string(name));
    }
    for (size_t i = 0; i < image->layer_count; i++) {
        CLEANUP(freep) char *path = xasprintf("%s/layer.tar", ids[i].hex);

        json_append(layers, json_string(path));
    }
    json_set(entry, "Config", json_string(config_path));
    json_set(entry, "RepoTags", tags);
    json_set(entry, "Layers", layers);
    json_append(manifest, entry);
    return write_json(writer, "manifest.json", manifest);
}

/* Writes the older index: the last layer's ID by name and tag. */
static struct error *write_repositories(const struct image *image, const struct digest *ids,
                                        struct tar_writer *writer)
{
    CLEANUP(json_freep) struct json *repositories = json_object();
    struct json *tags = json_object();

    if (image->name == NULL || image->layer_count == 0) {
        json_free(tags);
        return NULL;
    }
    json_set(tags, image->tag != NULL ? image->tag : "latest",
             json_string(ids[image->layer_count - 1].hex));
    json_set(repositories, image->name, tags);
    return write_json(writer, "repositories", repositories);
}

/* Returns whether LAYER was compressed as it streamed in. The compressor always produces the same
 * bytes from the same tar. */
static bool is_packed(const struct layer *layer, enum compression compression)
{
    return compression != COMPRESSION_NONE && layer->blob.is_own &&
           layer->blob.compression == compression;
}

static struct error *write_tar(const struct layer *layer, const char *path,
                               enum compression compression, struct store *store,
                               struct tar_writer *writer)
{
    struct file_copier copier = layer->is_temporary ? file_user_up() : store_copier(store);

    if (is_packed(layer, compression))
        return tar_writer_packed(writer, path, layer->size, layer->blob.path, layer->blob.size,
                                 copier);
    if (compression == COMPRESSION_NONE)
        return tar_writer_file(writer, path, layer->tar_path, layer->size, copier);
    struct layer_blob packed = {0};

    TRY(layer_blob_get(layer->tar_path, &layer->diff_id, compression, store, &packed));
    CLEANUP(freep) char *packed_path = packed.path;

    return tar_writer_packed(writer, path, layer->size, packed_path, packed.size,
                             store_copier(store));
}

static struct error *write_layer(const struct image *image, const struct digest *ids, size_t index,
                                 enum compression compression, struct store *store,
                                 struct tar_writer *writer)
{
    CLEANUP(freep) char *folder = xasprintf("%s/", ids[index].hex);
    CLEANUP(freep) char *version = xasprintf("%sVERSION", folder);
    CLEANUP(freep) char *json = xasprintf("%sjson", folder);
    CLEANUP(freep) char *tar = xasprintf("%slayer.tar", folder);
    CLEANUP(buffer_free) struct buffer text = {0};

    if (!is_packed(&image->layers[index], compression))
        TRY(layer_tar_need(&image->layers[index], store));
    v1_image_json(image, ids, index, &text);
    TRY(tar_writer_folder(writer, folder));
    TRY(tar_writer_bytes(writer, version, V1_IMAGE_VERSION, strlen(V1_IMAGE_VERSION)));
    TRY(tar_writer_bytes(writer, json, text.data, text.length));
    return write_tar(&image->layers[index], tar, compression, store, writer);
}

struct error *docker_archive_write(const struct image *image, enum compression compression,
                                   struct store *store, struct tar_writer *writer)
{
    CLEANUP(freep) struct digest *ids = v1_image_ids(image);
    CLEANUP(buffer_free) struct buffer config = {0};
    struct digest digest;

    image_config_write(image, &config);
    digest_of(config.data, config.length, &digest);
    CLEANUP(freep) char *config_path = xasprintf("%s.json", digest.hex);

    TRY(write_manifest(image, ids, config_path, writer));
    TRY(write_repositories(image, ids, writer));
    TRY(tar_writer_bytes(writer, config_path, config.data, config.length));
    for (size_t i = 0; i < image->layer_count; i++)
        TRY(write_layer(image, ids, i, compression, store, writer));
    return NULL;
}
