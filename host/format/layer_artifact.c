#include "host/format/layer_artifact.h"

#include <stdlib.h>
#include <string.h>

#include "host/image/architecture.h"
#include "host/image/document.h"
#include "host/image/image.h"
#include "host/image/kept_layer.h"
#include "host/image/layer_blob.h"
#include "host/image/layer_tar.h"
#include "host/image/manifest.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/rfc3339.h"
#include "host/registry/http.h"
#include "host/registry/manifest_download.h"
#include "host/registry/registries_conf.h"
#include "host/registry/registry_pull.h"
#include "host/registry/registry_push.h"
#include "host/registry/repository.h"
#include "host/tar/compression.h"

#define CREATED "org.opencontainers.image.created"
#define TITLE "org.opencontainers.image.title"
#define KEY "vnd.vmbuild.key"
#define COMPRESSION "vnd.vmbuild.compression"
#define NO_TARSUM "vnd.vmbuild.no-tarsum"

#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar+"

#define ASK_TRIES 2 /* a build waits for the answer */

/* Returns ARTIFACT with a time limit that begins now. */
static struct layer_artifact begin(const struct layer_artifact *artifact)
{
    struct layer_artifact begun = *artifact;

    if (begun.access.deadline != 0)
        begun.access.deadline = http_now() + (long long)begun.access.seconds * 1000;
    return begun;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* What the manifest tells. */
struct description {
    struct json *document;
    const struct json *annotations;
    int64_t made;
    struct digest digest; /* of the manifest */
};

static void description_free(struct description *description)
{
    json_free(description->document);
}

/* Opens the repository to read it. Mirrors are not asked, since they do not have what is new. */
static struct error *open_to_read(const struct layer_artifact *artifact, struct repository **ret)
{
    const struct reference *reference = &artifact->place->reference;
    CLEANUP(registry_endpoints_free) struct registry_endpoints places = {0};

    TRY(registries_conf_pull(reference, &artifact->access, &places));
    const struct registry_endpoint *own = &places.items[places.count - 1];
    const struct repository_options options = {
        .access = &artifact->access, .insecure = own->insecure, .tries = ASK_TRIES};

    return repository_open(&own->reference, &options, ret);
}

/* Reads the manifest BYTES, which must be that of a layer of the key. */
static struct error *describe(const struct layer_artifact *artifact, const char *tag,
                              const struct buffer *bytes, struct description *ret)
{
    TRY(document_parse(DOCUMENT_MANIFEST, tag, bytes->data, bytes->length, &ret->document));
    ret->annotations = json_get(ret->document, "annotations");
    const char *type = json_get_string(ret->document, "artifactType");
    const char *key = json_get_string(ret->annotations, KEY);
    const char *created = json_get_string(ret->annotations, CREATED);

    if (type == NULL || strcmp(type, LAYER_ARTIFACT_TYPE) != 0 || key == NULL ||
        strcmp(key, artifact->key->hex) != 0 || created == NULL ||
        !rfc3339_parse(created, &ret->made))
        return error_new(EXIT_INPUT, "read manifest '%s': not a layer of this key", tag);
    digest_of(bytes->data, bytes->length, &ret->digest);
    return NULL;
}

/* Looks for the manifest TAG in REPOSITORY. *RET_FOUND, set also on error: whether it is there. */
static struct error *find(const struct layer_artifact *artifact, struct repository *repository,
                          const char *tag, bool *ret_found, struct description *ret)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};

    *ret_found = false;
    TRY(error_context(manifest_find(repository, tag, artifact->store, &bytes, ret_found),
                      "get manifest '%s'", tag));
    return *ret_found ? describe(artifact, tag, &bytes, ret) : NULL;
}

/* Records LAYER's blob as the one that would be made here, if it would be and none is known. */
static void keep_blob(const struct layer *layer, const struct description *description,
                      struct store *store)
{
    const char *made_by = json_get_string(description->annotations, COMPRESSION);
    enum compression compression = layer->blob.compression;
    struct layer_blob known = {0};

    if (made_by == NULL || (compression != COMPRESSION_GZIP && compression != COMPRESSION_ZSTD))
        return;
    CLEANUP(freep) char *here = compression_version(compression);

    if (strcmp(made_by, here) == 0 && !layer_blob_find(&layer->diff_id, compression, store, &known))
        layer_blob_record(&layer->diff_id, compression, &layer->blob.digest, store);
    free(known.path);
}

/* Fetches the layer that DESCRIPTION describes. */
static struct error *fetch(const struct layer_artifact *artifact,
                           const struct description *description, struct json **ret)
{
    CLEANUP(image_freep) struct image *image = NULL;
    struct reference reference = artifact->place->reference; /* borrowed */
    const struct image_request request = {
        .forms = LAYER_BLOB, .store = artifact->store, .registry = artifact->access};

    reference.tag = NULL;
    reference.digest = description->digest;
    TRY(registry_pull(&reference, &request, &image));
    if (image->layer_count != 1)
        return error_new(EXIT_INPUT, "read manifest '" DIGEST_PREFIX "%s': it has %zu layers",
                         reference.digest.hex, image->layer_count);
    struct layer *layer = &image->layers[0];

    if (layer->tar_path == NULL) /* else the blob is the tar */
        TRY(layer_tar_make(layer, artifact->store));
    layer->has_no_tarsum = json_get_string(description->annotations, NO_TARSUM) != NULL;
    keep_blob(layer, description, artifact->store);
    *ret = kept_layer_describe(layer);
    json_set(*ret, "made", json_integer(description->made));
    return NULL;
}

struct error *layer_artifact_get(const struct layer_artifact *artifact, int64_t oldest,
                                 bool *ret_found, struct json **ret_record)
{
    const struct layer_artifact begun = begin(artifact);
    CLEANUP(repository_freep) struct repository *repository = NULL;
    CLEANUP(description_free) struct description description = {0};
    CLEANUP(freep) char *tag = cache_place_tag(artifact->place, artifact->key);

    *ret_found = false;
    *ret_record = NULL;
    TRY(open_to_read(&begun, &repository));
    TRY(find(&begun, repository, tag, ret_found, &description));
    if (!*ret_found || description.made < oldest)
        return NULL;
    return fetch(&begun, &description, ret_record);
}

/* --- Writing ---------------------------------------------------------------------------------- */

static char *created_of(const struct json *record)
{
    uint64_t made = 0;

    json_to_unsigned(json_get(record, "made"), INT64_MAX, &made);
    return rfc3339_format((int64_t)made);
}

static struct json *describe_diff_id(const struct layer *layer)
{
    struct json *rootfs = json_object(), *diff_ids = json_array();
    CLEANUP(freep) char *diff_id = xasprintf(DIGEST_PREFIX "%s", layer->diff_id.hex);

    json_append(diff_ids, json_string(diff_id));
    json_set(rootfs, "type", json_string("layers"));
    json_set(rootfs, "diff_ids", diff_ids);
    return rootfs;
}

/* Makes the config of the image that the artifact is. */
static struct json *make_config(const struct layer *layer, const char *created, const char *name)
{
    struct json *config = json_object(), *history = json_array(), *entry = json_object();
    CLEANUP(freep) char *created_by = xasprintf("vmbuild: layer of %s", name);

    json_set(entry, "created", json_string(created));
    json_set(entry, "created_by", json_string(created_by));
    json_append(history, entry);
    json_set(config, "created", json_string(created));
    json_set(config, "architecture", json_string(architecture_of_host()));
    json_set(config, "os", json_string("linux"));
    json_set(config, "config", json_object());
    json_set(config, "rootfs", describe_diff_id(layer));
    json_set(config, "history", history);
    return config;
}

static struct json *describe_blob(const char *type, const struct digest *digest, uint64_t size)
{
    struct json *descriptor = json_object();
    CLEANUP(freep) char *text = xasprintf(DIGEST_PREFIX "%s", digest->hex);

    json_set(descriptor, "mediaType", json_string(type));
    json_set(descriptor, "digest", json_string(text));
    json_set(descriptor, "size", json_integer((int64_t)size));
    return descriptor;
}

static struct json *make_annotations(const struct layer_artifact *artifact,
                                     const struct json *record, enum compression compression,
                                     const char *created, const char *name)
{
    struct json *annotations = json_object();
    const struct json *no_tarsum = json_get(record, "hasNoTarsum");
    CLEANUP(freep) char *version = compression_version(compression);

    json_set(annotations, CREATED, json_string(created));
    json_set(annotations, TITLE, json_string(name));
    json_set(annotations, KEY, json_string(artifact->key->hex));
    json_set(annotations, COMPRESSION, json_string(version));
    if (no_tarsum != NULL && no_tarsum->type == JSON_BOOLEAN && no_tarsum->boolean)
        json_set(annotations, NO_TARSUM, json_string("true"));
    return annotations;
}

/* Makes the documents of the artifact of IMAGE's layer. */
static void make_documents(const struct layer_artifact *artifact, const struct json *record,
                           const char *name, struct image *image)
{
    const struct layer *layer = &image->layers[0];
    CLEANUP(json_freep) struct json *manifest = json_object();
    CLEANUP(freep) char *created = created_of(record);
    CLEANUP(freep)
    char *type = xasprintf(LAYER_TYPE "%s", compression_name(layer->blob.compression));
    struct json *layers = json_array();
    struct digest config;

    image->config = make_config(layer, created, name);
    json_write(image->config, false, &image->config_bytes);
    digest_of(image->config_bytes.data, image->config_bytes.length, &config);
    json_append(layers, describe_blob(type, &layer->blob.digest, layer->blob.size));
    json_set(manifest, "schemaVersion", json_integer(2));
    json_set(manifest, "mediaType", json_string(MANIFEST_OCI));
    json_set(manifest, "artifactType", json_string(LAYER_ARTIFACT_TYPE));
    json_set(manifest, "config", describe_blob(CONFIG_TYPE, &config, image->config_bytes.length));
    json_set(manifest, "layers", layers);
    json_set(manifest, "annotations",
             make_annotations(artifact, record, layer->blob.compression, created, name));
    json_write(manifest, false, &image->manifest);
    image->manifest_type = xstrdup(MANIFEST_OCI);
}

/* Whether the layer is there already. Something else is as good as nothing. Errors: as find. */
static struct error *is_there(const struct layer_artifact *artifact, const char *tag, bool *ret)
{
    CLEANUP(repository_freep) struct repository *repository = NULL;
    CLEANUP(description_free) struct description description = {0};
    const struct repository_options options = {
        .access = &artifact->access, .push = true, .tries = ASK_TRIES};

    *ret = false;
    TRY(repository_open(&artifact->place->reference, &options, &repository));
    struct error *err = find(artifact, repository, tag, ret, &description);

    if (err == NULL || err->code != EXIT_INPUT)
        return err;
    error_free(err);
    *ret = false;
    return NULL;
}

struct error *layer_artifact_put(const struct layer_artifact *artifact, const struct json *record,
                                 const char *name, bool replaces)
{
    const struct layer_artifact begun = begin(artifact);
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(freep) char *tag = cache_place_tag(artifact->place, artifact->key);
    struct reference reference = artifact->place->reference; /* borrowed */
    struct layer layer = {0};
    struct digest digest;
    bool there = false;

    reference.tag = tag;
    if (!replaces)
        TRY(is_there(&begun, tag, &there));
    if (there)
        return NULL;
    TRY(kept_layer_get_blob(record, begun.store, &layer));
    image_add_layer(image, layer);
    make_documents(&begun, record, name, image);
    return registry_push(image, &reference, 1, &begun.access, begun.store, &digest);
}
