#include "host/format/oci_writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/format/dir_image.h"
#include "host/image/document.h"
#include "host/image/image_config.h"
#include "host/image/layer_blob.h"
#include "host/image/layer_tar.h"
#include "host/image/manifest.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/store/store_copy.h"

#define REF_NAME "org.opencontainers.image.ref.name"
#define CONTAINERD_NAME "io.containerd.image.name"
#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

enum role { ROLE_BLOB, ROLE_MANIFEST, ROLE_ROOT };

/* A blob: the bytes of a document or of a file. */
struct blob {
    enum role role;
    struct digest digest;
    uint64_t size;
    char *bytes;       /* or NULL */
    char *path;        /* or NULL */
    bool is_temporary; /* the file at path is used up */
};

struct oci_writer {
    struct store *store;
    struct blob *blobs; /* sorted by digest, without repetitions */
    size_t count;
    struct blob *added; /* those of a layout to which the image is added */
    size_t added_count;
    struct json *index; /* index.json */
};

/* Adds a document's bytes, which become the writer's. */
static void add_document(struct oci_writer *writer, struct buffer *bytes, enum role role)
{
    struct blob *blob = &writer->blobs[writer->count++];

    blob->role = role;
    blob->size = bytes->length;
    digest_of(bytes->data, bytes->length, &blob->digest);
    blob->bytes = buffer_steal(bytes);
}

/* Adds the blob of LAYER and describes it in *RET. */
static struct error *add_layer(struct oci_writer *writer, struct layer *layer,
                               enum compression compression, struct store *store,
                               struct descriptor *ret)
{
    struct blob *blob = &writer->blobs[writer->count];

    if (layer->blob.path != NULL && manifest_oci_layer_type(layer->blob.compression) != NULL) {
        compression = layer->blob.compression;
        *blob = (struct blob){.digest = layer->blob.digest,
                              .size = layer->blob.size,
                              .path = xstrdup(layer->blob.path),
                              .is_temporary = layer->is_temporary};
    } else {
        TRY(layer_tar_need(layer, store));
        *blob = (struct blob){
            .digest = layer->diff_id, .size = layer->size, .is_temporary = layer->is_temporary};
        if (compression == COMPRESSION_NONE) {
            blob->path = xstrdup(layer->tar_path);
        } else {
            struct layer_blob packed = {0};

            TRY(layer_blob_get(layer->tar_path, &layer->diff_id, compression, store, &packed));
            *blob =
                (struct blob){.digest = packed.digest, .size = packed.size, .path = packed.path};
        }
    }
    writer->count++;
    ret->media_type = xstrdup(manifest_oci_layer_type(compression));
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
    manifest.annotations = image->annotations;
    for (size_t i = 0; i < image->layer_count; i++)
        TRY(add_layer(writer, &image->layers[i], compression, store, &manifest.items[i]));
    image_config_write(image, &config);
    add_document(writer, &config, ROLE_BLOB);
    manifest.config.media_type = xstrdup(MANIFEST_OCI_CONFIG);
    manifest.config.digest = writer->blobs[writer->count - 1].digest;
    manifest.config.size = writer->blobs[writer->count - 1].size;
    manifest_write(&manifest, &text);
    add_document(writer, &text, ROLE_ROOT);
    return NULL;
}

/* Whether two manifests name the same config and layers, whatever types they give them. */
static bool names_same_blobs(const struct manifest *a, const struct manifest *b)
{
    bool same = a->count == b->count && digest_equal(&a->config.digest, &b->config.digest);

    for (size_t i = 0; same && i < a->count; i++)
        same = digest_equal(&a->items[i].digest, &b->items[i].digest);
    return same;
}

/* Replaces the manifest that was made by the one that the image came with, if that one describes
 * the same blobs. ANY_TYPE: also if it is Docker's. */
static struct error *keep_manifest(struct oci_writer *writer, const struct image *image,
                                   bool any_type)
{
    struct blob *made = &writer->blobs[writer->count - 1];
    CLEANUP(manifest_free) struct manifest manifest = {0}, own = {0};
    CLEANUP(buffer_free) struct buffer text = {0}, kept = {0};

    if (image->manifest.length == 0 || image->manifest_type == NULL ||
        (!any_type && strcmp(image->manifest_type, MANIFEST_OCI) != 0))
        return NULL;
    TRY(manifest_parse("manifest", image->manifest.data, image->manifest.length,
                       image->manifest_type, &manifest));
    TRY(manifest_parse("manifest", made->bytes, made->size, MANIFEST_OCI, &own));
    manifest_write(&manifest, &text);
    if (any_type ? !names_same_blobs(&manifest, &own)
                 : text.length != made->size || memcmp(text.data, made->bytes, text.length) != 0)
        return NULL;
    buffer_append(&kept, image->manifest.data, image->manifest.length);
    free(made->bytes);
    writer->count--;
    add_document(writer, &kept, ROLE_ROOT);
    return NULL;
}

/* NAME may be NULL: then TAG is all that is annotated, as skopeo does. */
static struct json *annotations_of(const char *name, const char *tag)
{
    struct json *annotations = json_object();

    if (name != NULL && tag == NULL)
        tag = "latest";
    if (name != NULL) {
        CLEANUP(freep) char *repository = reference_full_name(name);
        CLEANUP(freep) char *full = xasprintf("%s:%s", repository, tag);

        json_set(annotations, CONTAINERD_NAME, json_string(full));
    }
    json_set(annotations, REF_NAME, json_string(tag));
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

/* Returns the entry of index.json for the root, the last of the blobs, of media type TYPE; the
 * caller's. CONFIG: of an image, or NULL. */
static struct json *make_entry(const struct oci_writer *writer, const char *type, const char *name,
                               const char *tag, const struct json *config)
{
    const struct blob *root = &writer->blobs[writer->count - 1];
    CLEANUP(freep) char *digest = xasprintf(DIGEST_PREFIX "%s", root->digest.hex);
    struct json *entry = json_object();

    json_set(entry, "mediaType", json_string(type));
    json_set(entry, "digest", json_string(digest));
    json_set(entry, "size", json_integer((int64_t)root->size));
    if (name != NULL || tag != NULL)
        json_set(entry, "annotations", annotations_of(name, tag));
    if (config != NULL)
        set_platform(entry, config);
    return entry;
}

/* Makes index.json with ENTRY, which is the writer's then. */
static void make_index(struct oci_writer *writer, struct json *entry)
{
    struct json *manifests = json_array();

    json_append(manifests, entry);
    writer->index = json_object();
    json_set(writer->index, "schemaVersion", json_integer(2));
    json_set(writer->index, "mediaType", json_string(MANIFEST_OCI_INDEX));
    json_set(writer->index, "manifests", manifests);
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

struct error *oci_writer_new(const struct image *image, enum compression compression, bool any_type,
                             struct store *store, struct oci_writer **ret)
{
    CLEANUP(oci_writer_freep) struct oci_writer *writer = xcalloc(1, sizeof *writer);

    writer->store = store;
    writer->blobs = xcalloc(image->layer_count + 2, sizeof *writer->blobs);
    TRY(add_blobs(writer, image, compression, store));
    TRY(keep_manifest(writer, image, any_type));
    make_index(writer, make_entry(writer, MANIFEST_OCI, image->name, image->tag, image->config));
    sort_blobs(writer);
    *ret = STEAL(writer);
    return NULL;
}

struct oci_writer *oci_writer_of_bundle(const struct image_bundle *bundle, struct store *store)
{
    struct oci_writer *writer = xcalloc(1, sizeof *writer);
    const struct bundle_manifest *root = image_bundle_root(bundle);

    writer->store = store;
    writer->blobs = xcalloc(bundle->blob_count + bundle->manifest_count, sizeof *writer->blobs);
    for (size_t i = 0; i < bundle->blob_count; i++) {
        const struct bundle_blob *blob = &bundle->blobs[i];

        writer->blobs[writer->count++] =
            (struct blob){.digest = blob->digest,
                          .size = blob->size,
                          .path = blob->path != NULL ? xstrdup(blob->path) : NULL,
                          .bytes = blob->bytes != NULL ? xstrndup(blob->bytes, blob->size) : NULL};
    }
    for (size_t i = 0; i < bundle->manifest_count; i++) {
        const struct bundle_manifest *manifest = &bundle->manifests[i];
        CLEANUP(buffer_free) struct buffer bytes = {0};

        buffer_append(&bytes, manifest->bytes.data, manifest->bytes.length);
        add_document(writer, &bytes, manifest == root ? ROLE_ROOT : ROLE_MANIFEST);
    }
    make_index(writer, make_entry(writer, root->type, bundle->name, bundle->tag, NULL));
    sort_blobs(writer);
    return writer;
}

/* Adds the blob that FOLDER, a directory of blobs, has as HEX, unless there is one already. */
static struct error *add_existing(struct oci_writer *writer, const char *folder, const char *hex)
{
    struct blob blob = {.path = xasprintf("%s/%s", folder, hex)};
    struct stat status;

    memcpy(blob.digest.hex, hex, sizeof blob.digest.hex);
    if (bsearch(&blob, writer->blobs, writer->count, sizeof blob, compare) != NULL) {
        free(blob.path);
        return NULL;
    }
    writer->added = xreallocarray(writer->added, writer->added_count + 1, sizeof *writer->added);
    writer->added[writer->added_count++] = blob;
    if (stat(blob.path, &status) < 0)
        return error_errno(EXIT_INPUT, "read '%s'", blob.path);
    writer->added[writer->added_count - 1].size = (uint64_t)status.st_size;
    return NULL;
}

/* Adds the blobs in FOLDER, of a layout. */
static struct error *add_existing_blobs(struct oci_writer *writer, const char *folder)
{
    CLEANUP(freep) char *path = xasprintf("%s/blobs/sha256", folder);
    CLEANUP(closedirp) DIR *dir = opendir(path);
    const struct dirent *entry;

    if (dir == NULL)
        return error_errno(EXIT_INPUT, "open '%s'", path);
    while ((entry = readdir(dir)) != NULL)
        if (digest_is_hex(entry->d_name))
            TRY(add_existing(writer, path, entry->d_name));
    return NULL;
}

/* Returns the annotation KEY of an ENTRY of index.json, or NULL. */
static const char *annotation_of(const struct json *entry, const char *key)
{
    return json_get_string(json_get(entry, "annotations"), key);
}

/* Whether OLD, an entry of an existing index.json, is replaced by ENTRY: the name is taken from it,
 * or it is the same without a name. A tag alone is not a name if both have a whole one. */
static bool is_replaced(const struct json *old, const struct json *entry)
{
    bool is_whole = annotation_of(old, CONTAINERD_NAME) != NULL &&
                    annotation_of(entry, CONTAINERD_NAME) != NULL;
    const char *key = is_whole ? CONTAINERD_NAME : REF_NAME;
    const char *old_name = annotation_of(old, key);
    const char *name = annotation_of(entry, key);
    const char *old_digest = json_get_string(old, "digest");

    if (old_name == NULL || name == NULL)
        return old_name == name && old_digest != NULL &&
               strcmp(old_digest, json_get_string(entry, "digest")) == 0;
    return strcmp(old_name, name) == 0;
}

struct error *oci_writer_add_layout(struct oci_writer *writer, const char *folder)
{
    CLEANUP(freep) char *path = xasprintf("%s/index.json", folder);
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(json_freep) struct json *old = NULL;
    const struct json *entry = json_get(writer->index, "manifests")->items[0];

    if (access(path, F_OK) < 0 && errno == ENOENT)
        return NULL;
    struct json *manifests = json_array();
    struct error *err = file_read(path, "index", JSON_SIZE_MAX, EXIT_INPUT, &bytes);

    if (err == NULL)
        err = document_parse(DOCUMENT_MANIFEST, path, bytes.data, bytes.length, &old);
    if (err != NULL) {
        json_free(manifests);
        return err;
    }
    const struct json *list = json_get(old, "manifests");

    for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->count; i++)
        if (!is_replaced(list->items[i], entry))
            json_append(manifests, json_copy(list->items[i]));
    json_append(manifests, json_copy(entry));
    json_set(writer->index, "manifests", manifests);
    return add_existing_blobs(writer, folder);
}

static struct file_copier copier_of(const struct oci_writer *writer, const struct blob *blob)
{
    return blob->is_temporary ? file_user_up() : store_copier(writer->store);
}

static struct error *write_blob(const struct oci_writer *writer, int fd, const char *name,
                                const struct blob *blob, uint64_t *written)
{
    TRY(blob->path != NULL
            ? file_make_copy(fd, name, blob->path, blob->size, copier_of(writer, blob))
            : file_make(fd, name, blob->bytes, blob->size));
    *written += blob->size;
    progress_bytes(*written, 0);
    return NULL;
}

/* Appends index.json to OUT. */
static void write_index(const struct oci_writer *writer, struct buffer *out)
{
    json_write(writer->index, false, out);
}

struct error *oci_writer_fill_folder(const struct oci_writer *writer, const char *folder)
{
    CLEANUP(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(buffer_free) struct buffer index = {0};
    uint64_t written = 0;

    if (fd < 0 || mkdirat(fd, "blobs", 0777) < 0 || mkdirat(fd, "blobs/sha256", 0777) < 0)
        return error_errno(EXIT_OTHER, "create directory '%s'", folder);
    for (size_t i = 0; i < writer->count + writer->added_count; i++) {
        const struct blob *blob =
            i < writer->count ? &writer->blobs[i] : &writer->added[i - writer->count];
        CLEANUP(freep) char *name = xasprintf("blobs/sha256/%s", blob->digest.hex);

        TRY(write_blob(writer, fd, name, blob, &written));
    }
    write_index(writer, &index);
    TRY(file_make(fd, "index.json", index.data, index.length));
    return file_make(fd, "oci-layout", LAYOUT, strlen(LAYOUT));
}

struct error *oci_writer_fill_dir(const struct oci_writer *writer, const char *folder)
{
    CLEANUP(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t written = 0;

    if (fd < 0)
        return error_errno(EXIT_OTHER, "open directory '%s'", folder);
    for (size_t i = 0; i < writer->count; i++) {
        const struct blob *blob = &writer->blobs[i];
        CLEANUP(freep)
        char *name = blob->role == ROLE_ROOT
                         ? xstrdup(DIR_IMAGE_MANIFEST)
                         : xasprintf("%s%s", blob->digest.hex,
                                     blob->role == ROLE_MANIFEST ? DIR_IMAGE_MANIFEST_SUFFIX : "");

        TRY(write_blob(writer, fd, name, blob, &written));
    }
    return file_make(fd, "version", DIR_IMAGE_VERSION, strlen(DIR_IMAGE_VERSION));
}

struct error *oci_writer_fill_archive(const struct oci_writer *writer, struct tar_writer *archive)
{
    CLEANUP(buffer_free) struct buffer index = {0};

    TRY(tar_writer_folder(archive, "blobs/"));
    TRY(tar_writer_folder(archive, "blobs/sha256/"));
    for (size_t i = 0; i < writer->count; i++) {
        const struct blob *blob = &writer->blobs[i];
        CLEANUP(freep) char *name = xasprintf("blobs/sha256/%s", blob->digest.hex);

        TRY(blob->path != NULL
                ? tar_writer_file(archive, name, blob->path, blob->size, copier_of(writer, blob))
                : tar_writer_bytes(archive, name, blob->bytes, blob->size));
    }
    write_index(writer, &index);
    TRY(tar_writer_bytes(archive, "index.json", index.data, index.length));
    return tar_writer_bytes(archive, "oci-layout", LAYOUT, strlen(LAYOUT));
}

static const struct blob *find_root(const struct oci_writer *writer)
{
    size_t i = 0;

    while (i + 1 < writer->count && writer->blobs[i].role != ROLE_ROOT)
        i++;
    return &writer->blobs[i];
}

void oci_writer_manifest(const struct oci_writer *writer, struct digest *ret_digest,
                         uint64_t *ret_size)
{
    *ret_digest = find_root(writer)->digest;
    *ret_size = find_root(writer)->size;
}

struct error *oci_writer_bundle(const struct image *image, enum compression compression,
                                struct store *store, struct image_bundle *bundle, struct json **ret)
{
    CLEANUP(oci_writer_freep) struct oci_writer *writer = NULL;
    CLEANUP(buffer_free) struct buffer bytes = {0};

    TRY(oci_writer_new(image, compression, false, store, &writer));
    const struct blob *root = find_root(writer);

    for (size_t i = 0; i < writer->count; i++) {
        const struct blob *blob = &writer->blobs[i];
        struct bundle_blob added = {.digest = blob->digest, .size = blob->size};

        if (blob == root)
            continue;
        if (blob->path != NULL)
            added.path = xstrdup(blob->path);
        else
            added.bytes = xstrndup(blob->bytes, blob->size);
        image_bundle_take_blob(bundle, added);
    }
    buffer_append(&bytes, root->bytes, root->size);
    image_bundle_take_manifest(bundle, MANIFEST_OCI, &bytes);
    if (ret != NULL)
        *ret = json_copy(json_get(writer->index, "manifests")->items[0]);
    return NULL;
}

uint64_t oci_writer_size(const struct oci_writer *writer)
{
    uint64_t size = 0;

    for (size_t i = 0; i < writer->count; i++)
        size += writer->blobs[i].size;
    for (size_t i = 0; i < writer->added_count; i++)
        size += writer->added[i].size;
    return size;
}

void oci_writer_free(struct oci_writer *writer)
{
    if (writer == NULL)
        return;
    for (size_t i = 0; i < writer->count; i++)
        blob_free(&writer->blobs[i]);
    for (size_t i = 0; i < writer->added_count; i++)
        blob_free(&writer->added[i]);
    free(writer->blobs);
    free(writer->added);
    json_free(writer->index);
    free(writer);
}
