#include "host/format/oci_writer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/image/image_config.h"
#include "host/image/layer_blob.h"
#include "host/image/layer_tar.h"
#include "host/image/manifest.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"

#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"
#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

/* A blob: the bytes of a document or of a file. */
struct blob {
    struct digest digest;
    uint64_t size;
    char *bytes;       /* or NULL */
    char *path;        /* or NULL */
    bool is_temporary; /* the file at path is used up */
};

struct oci_writer {
    struct blob *blobs; /* sorted by digest, without repetitions */
    size_t count;
    struct buffer index;
};

/* Adds a document's bytes, which become the writer's. */
static void add_document(struct oci_writer *writer, struct buffer *bytes)
{
    struct blob *blob = &writer->blobs[writer->count++];

    blob->size = bytes->length;
    digest_of(bytes->data, bytes->length, &blob->digest);
    blob->bytes = buffer_steal(bytes);
}

static const char *layer_type(enum compression compression)
{
    switch (compression) {
    case COMPRESSION_NONE:
        return LAYER_TYPE;
    case COMPRESSION_GZIP:
        return LAYER_TYPE "+gzip";
    case COMPRESSION_ZSTD:
        return LAYER_TYPE "+zstd";
    case COMPRESSION_XZ:
    case COMPRESSION_BZIP2:
        break;
    }
    return NULL; /* OCI has no type for it, so such a blob cannot be kept */
}

/* Adds the blob of LAYER and describes it in *RET. */
static struct error *add_layer(struct oci_writer *writer, struct layer *layer,
                               enum compression compression, struct store *store,
                               struct descriptor *ret)
{
    struct blob *blob = &writer->blobs[writer->count];

    if (layer->blob.path != NULL && layer_type(layer->blob.compression) != NULL) {
        compression = layer->blob.compression;
        *blob = (struct blob){layer->blob.digest, layer->blob.size, NULL, xstrdup(layer->blob.path),
                              layer->is_temporary};
    } else {
        TRY(layer_tar_need(layer, store));
        *blob = (struct blob){layer->diff_id, layer->size, NULL, NULL, layer->is_temporary};
        if (compression == COMPRESSION_NONE) {
            blob->path = xstrdup(layer->tar_path);
        } else {
            struct layer_blob packed = {0};

            TRY(layer_blob_get(layer->tar_path, &layer->diff_id, compression, store, &packed));
            *blob = (struct blob){packed.digest, packed.size, NULL, packed.path, false};
        }
    }
    writer->count++;
    ret->media_type = xstrdup(layer_type(compression));
    ret->digest = blob->digest;
    ret->size = blob->size;
    return NULL;
}

/* Adds layers, config and manifest. The manifest is the last blob. */
static struct error *add_blobs(struct oci_writer *writer, const struct image *image,
                               enum compression compression, struct store *store)
{
    CLEANUP(manifest_free) struct manifest manifest = {0};
    CLEANUP(buffer_free) struct buffer config = {0}, text = {0};

    manifest.media_type = xstrdup(MANIFEST_OCI);
    manifest.items = xcalloc(image->layer_count, sizeof *manifest.items);
    manifest.count = image->layer_count;
    for (size_t i = 0; i < image->layer_count; i++)
        TRY(add_layer(writer, &image->layers[i], compression, store, &manifest.items[i]));
    image_config_write(image, &config);
    add_document(writer, &config);
    manifest.config.media_type = xstrdup(CONFIG_TYPE);
    manifest.config.digest = writer->blobs[writer->count - 1].digest;
    manifest.config.size = writer->blobs[writer->count - 1].size;
    manifest_write(&manifest, &text);
    add_document(writer, &text);
    return NULL;
}

/* Replaces the manifest that was made by the one that the image came with, if that one describes
 * the same blobs. */
static struct error *keep_manifest(struct oci_writer *writer, const struct image *image)
{
    struct blob *made = &writer->blobs[writer->count - 1];
    CLEANUP(manifest_free) struct manifest manifest = {0};
    CLEANUP(buffer_free) struct buffer text = {0}, kept = {0};

    if (image->manifest.length == 0 || image->manifest_type == NULL ||
        strcmp(image->manifest_type, MANIFEST_OCI) != 0)
        return NULL;
    TRY(manifest_parse("manifest", image->manifest.data, image->manifest.length,
                       image->manifest_type, &manifest));
    manifest_write(&manifest, &text);
    if (text.length != made->size || memcmp(text.data, made->bytes, text.length) != 0)
        return NULL;
    buffer_append(&kept, image->manifest.data, image->manifest.length);
    free(made->bytes);
    writer->count--;
    add_document(writer, &kept);
    return NULL;
}

/* Returns the name as containerd has it, with a registry, and `library/` for Docker Hub's own; the
 * caller's. */
static char *full_name(const char *name, const char *tag)
{
    const char *slash = strchr(name, '/');
    size_t first = slash != NULL ? (size_t)(slash - name) : 0;
    bool has_host =
        first > 0 && (memchr(name, '.', first) != NULL || memchr(name, ':', first) != NULL ||
                      (first == 9 && strncmp(name, "localhost", 9) == 0));

    if (has_host)
        return xasprintf("%s:%s", name, tag);
    return xasprintf("docker.io/%s%s:%s", slash == NULL ? "library/" : "", name, tag);
}

static struct json *annotations_of(const struct image *image)
{
    struct json *annotations = json_object();
    const char *tag = image->tag != NULL ? image->tag : "latest";
    CLEANUP(freep) char *name = full_name(image->name, tag);

    json_set(annotations, "io.containerd.image.name", json_string(name));
    json_set(annotations, "org.opencontainers.image.ref.name", json_string(tag));
    return annotations;
}

static void set_platform(struct json *entry, const struct json *config)
{
    static const char *const keys[] = {"architecture", "os", "variant"};
    struct json *platform = json_object();

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_get_string(config, keys[i]) != NULL)
            json_set(platform, keys[i], json_string(json_get_string(config, keys[i])));
    json_set(entry, "platform", platform);
}

static void make_index(struct oci_writer *writer, const struct image *image)
{
    const struct blob *manifest = &writer->blobs[writer->count - 1];
    CLEANUP(json_freep) struct json *index = json_object();
    CLEANUP(freep) char *digest = xasprintf(DIGEST_PREFIX "%s", manifest->digest.hex);
    struct json *entry = json_object(), *manifests = json_array();

    json_set(entry, "mediaType", json_string(MANIFEST_OCI));
    json_set(entry, "digest", json_string(digest));
    json_set(entry, "size", json_integer((int64_t)manifest->size));
    if (image->name != NULL)
        json_set(entry, "annotations", annotations_of(image));
    set_platform(entry, image->config);
    json_append(manifests, entry);
    json_set(index, "schemaVersion", json_integer(2));
    json_set(index, "mediaType", json_string(MANIFEST_OCI_INDEX));
    json_set(index, "manifests", manifests);
    json_write(index, false, &writer->index);
}

static void blob_free(struct blob *blob)
{
    free(blob->bytes);
    free(blob->path);
}

static int compare(const void *a, const void *b)
{
    const struct blob *left = a, *right = b;

    return strcmp(left->digest.hex, right->digest.hex);
}

/* Sorts the blobs and drops repetitions: an image may contain a layer more than once. */
static void sort_blobs(struct oci_writer *writer)
{
    size_t kept = 0;

    qsort(writer->blobs, writer->count, sizeof *writer->blobs, compare);
    for (size_t i = 0; i < writer->count; i++)
        if (kept > 0 && compare(&writer->blobs[kept - 1], &writer->blobs[i]) == 0)
            blob_free(&writer->blobs[i]);
        else
            writer->blobs[kept++] = writer->blobs[i];
    writer->count = kept;
}

struct error *oci_writer_new(const struct image *image, enum compression compression,
                             struct store *store, struct oci_writer **ret)
{
    CLEANUP(oci_writer_freep) struct oci_writer *writer = xcalloc(1, sizeof *writer);

    writer->blobs = xcalloc(image->layer_count + 2, sizeof *writer->blobs);
    TRY(add_blobs(writer, image, compression, store));
    TRY(keep_manifest(writer, image));
    make_index(writer, image);
    sort_blobs(writer);
    *ret = STEAL(writer);
    return NULL;
}

struct error *oci_writer_fill_folder(const struct oci_writer *writer, const char *folder)
{
    CLEANUP(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t written = 0;

    if (fd < 0 || mkdirat(fd, "blobs", 0777) < 0 || mkdirat(fd, "blobs/sha256", 0777) < 0)
        return error_errno(EXIT_OTHER, "create directory '%s'", folder);
    for (size_t i = 0; i < writer->count; i++) {
        const struct blob *blob = &writer->blobs[i];
        CLEANUP(freep) char *name = xasprintf("blobs/sha256/%s", blob->digest.hex);

        TRY(blob->is_temporary ? file_make_using_up(fd, name, blob->path, blob->size)
                               : file_make(fd, name, blob->path, blob->bytes, blob->size));
        written += blob->size;
        progress_bytes(written, 0);
    }
    TRY(file_make(fd, "index.json", NULL, writer->index.data, writer->index.length));
    return file_make(fd, "oci-layout", NULL, LAYOUT, strlen(LAYOUT));
}

struct error *oci_writer_fill_archive(const struct oci_writer *writer, struct tar_writer *archive)
{
    TRY(tar_writer_folder(archive, "blobs/"));
    TRY(tar_writer_folder(archive, "blobs/sha256/"));
    for (size_t i = 0; i < writer->count; i++) {
        const struct blob *blob = &writer->blobs[i];
        CLEANUP(freep) char *name = xasprintf("blobs/sha256/%s", blob->digest.hex);

        TRY(blob->path != NULL
                ? tar_writer_file(archive, name, blob->path, blob->size, blob->is_temporary)
                : tar_writer_bytes(archive, name, blob->bytes, blob->size));
    }
    TRY(tar_writer_bytes(archive, "index.json", writer->index.data, writer->index.length));
    return tar_writer_bytes(archive, "oci-layout", LAYOUT, strlen(LAYOUT));
}

void oci_writer_free(struct oci_writer *writer)
{
    if (writer == NULL)
        return;
    for (size_t i = 0; i < writer->count; i++)
        blob_free(&writer->blobs[i]);
    free(writer->blobs);
    buffer_free(&writer->index);
    free(writer);
}
