#include "host/image/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "host/image/document.h"
#include "host/image/image.h"
#include "host/image/platform.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define SCHEMA_1 "application/vnd.docker.distribution.manifest.v1+"

/* Media types of configs and layers that make an image. */
static const char *const config_types[] = {
    MANIFEST_OCI_CONFIG,
    "application/vnd.docker.container.image.v1+json",
};
/* What registries of 2016 stored instead of Docker's (and Docker's clients still accept). */
static const char *const docker_config_types[] = {
    "application/octet-stream",
    "application/json",
    "text/html",
    "",
};
static const char *const layer_types[] = {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
};

#define IS_ONE_OF(text, list) is_one_of(text, list, sizeof(list) / sizeof *(list))
static bool is_one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, list[i]) == 0)
            return true;
    return false;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Media types have only printable characters (RFC 6838, 4.2); nothing else gets into messages. */
static bool is_media_type(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && length <= 255 && printable_is_ascii(text) && strchr(text, ' ') == NULL;
}

static struct error *bad(const char *name, const char *cause)
{
    return error_new(EXIT_INPUT, "read manifest '%s': %s", name, cause);
}

static char *copy_string(const struct json *object, const char *key)
{
    const char *text = json_get_string(object, key);

    return text != NULL ? xstrdup(text) : NULL;
}

static void descriptor_free(struct descriptor *descriptor)
{
    free(descriptor->media_type);
    free(descriptor->os);
    free(descriptor->architecture);
    free(descriptor->variant);
}

/* Reads a descriptor into *RET, which manifest_free frees also on error. */
static struct error *read_descriptor(const char *name, const struct json *value, uint64_t size_max,
                                     struct descriptor *ret)
{
    const char *type = json_get_string(value, "mediaType");
    const char *digest = json_get_string(value, "digest");
    const struct json *platform = json_get(value, "platform");

    ret->media_type = xstrdup(type != NULL ? type : "");
    if (digest == NULL || (type != NULL && *type != '\0' && !is_media_type(type)))
        return bad(name, "a descriptor lacks mediaType or digest");
    TRY(error_context(digest_parse(digest, &ret->digest), "read manifest '%s'", name));
    if (!json_to_unsigned(json_get(value, "size"), size_max, &ret->size))
        return error_new(EXIT_INPUT,
                         "read manifest '%s': the size of '%s' is missing or larger than %ju", name,
                         digest, (uintmax_t)size_max);
    ret->os = copy_string(platform, "os");
    ret->architecture = copy_string(platform, "architecture");
    ret->variant = copy_string(platform, "variant");
    return NULL;
}

/* Whether the config of a manifest of TYPE may be of CONFIG_TYPE. */
static bool is_config_type(const char *type, const char *config_type)
{
    return IS_ONE_OF(config_type, config_types) ||
           (strcmp(type, MANIFEST_DOCKER) == 0 && IS_ONE_OF(config_type, docker_config_types));
}

static struct error *check_config(const char *name, const char *type,
                                  const struct descriptor *config)
{
    if (is_config_type(type, config->media_type))
        return NULL;
    if (*config->media_type == '\0')
        return bad(name, "a descriptor lacks mediaType or digest");
    return error_new(EXIT_INPUT, "read manifest '%s': not an image: its config is of type '%s'",
                     name, config->media_type);
}

/* Whether the bytes of a layer, VALUE, of TYPE lie elsewhere. */
static bool is_foreign_layer(const struct json *value, const char *type)
{
    const struct json *urls = json_get(value, "urls");

    return strstr(type, "nondistributable") != NULL || strstr(type, ".foreign.") != NULL ||
           (urls != NULL && urls->type == JSON_ARRAY && urls->count > 0);
}

static struct error *check_layer(const char *name, const struct descriptor *layer)
{
    const char *type = layer->media_type;
    const char *fault = NULL;

    if (*type == '\0')
        return bad(name, "a descriptor lacks mediaType or digest");
    if (layer->is_foreign)
        fault = "is a foreign layer, which may not be distributed";
    else if (strstr(type, "+encrypted") != NULL)
        fault = "is encrypted";
    else if (!IS_ONE_OF(type, layer_types))
        fault = "is not an image layer";
    if (fault == NULL)
        return NULL;
    return error_new(EXIT_INPUT, "read manifest '%s': layer '" DIGEST_PREFIX "%s' of type '%s' %s",
                     name, layer->digest.hex, type, fault);
}

/* Returns the member KEY; NULL if it is null, as Go writes an empty list. */
static const struct json *get_member(const struct json *document, const char *key)
{
    const struct json *value = json_get(document, key);

    return value != NULL && value->type != JSON_NULL ? value : NULL;
}

/* Decides what DOCUMENT is. */
static struct error *read_type(const char *name, const struct json *document,
                               const char *content_type, struct manifest *ret)
{
    const char *type = json_get_string(document, "mediaType");
    const struct json *layers = get_member(document, "layers");
    const struct json *manifests = get_member(document, "manifests");
    uint64_t version = 0;

    if (document->type != JSON_OBJECT)
        return bad(name, "not a JSON object");
    if (type == NULL)
        type = content_type != NULL ? content_type : "";
    json_to_unsigned(json_get(document, "schemaVersion"), 100, &version);
    if (version == 1 || has_prefix(type, SCHEMA_1))
        return error_advise(bad(name, "it uses Docker's schema 1, which has no layer digests"),
                            "push the image again with Docker 1.10 or later");
    if (version != 2)
        return bad(name, "schemaVersion is not 2");
    if (manifests != NULL && (layers != NULL || get_member(document, "config") != NULL))
        return bad(name, "it is both an image and an index");
    ret->is_index = manifests != NULL;

    bool docker = strcmp(type, MANIFEST_DOCKER) == 0 || strcmp(type, MANIFEST_DOCKER_LIST) == 0;
    const char *found = ret->is_index ? docker ? MANIFEST_DOCKER_LIST : MANIFEST_OCI_INDEX
                        : docker      ? MANIFEST_DOCKER
                                      : MANIFEST_OCI;

    if (json_get_string(document, "mediaType") != NULL && strcmp(type, found) != 0)
        return bad(name, "mediaType does not match the content");
    ret->media_type = xstrdup(found);
    return NULL;
}

/* Whether VALUE, an entry of an index, is certainly not an image. */
static bool is_artifact(const struct json *value)
{
    const char *artifact = json_get_string(value, "artifactType");
    const char *type = json_get_string(value, "mediaType");
    static const char *const types[] = {MANIFEST_OCI, MANIFEST_OCI_INDEX, MANIFEST_DOCKER,
                                        MANIFEST_DOCKER_LIST};

    return (artifact != NULL && *artifact != '\0' && !IS_ONE_OF(artifact, config_types)) ||
           (type != NULL && *type != '\0' && !IS_ONE_OF(type, types));
}

/* Whether TEXT is a digest, but not one of SHA-256. */
static bool is_foreign_digest(const char *text)
{
    size_t length = text != NULL ? strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+._-") : 0;

    return length > 0 && text[length] == ':' && text[length + 1] != '\0' &&
           !has_prefix(text, DIGEST_PREFIX);
}

/* Reads an entry of an index. One that is of no use does not make the others so. */
static struct error *read_entry(const char *name, const struct json *value, struct descriptor *ret)
{
    ret->is_artifact = is_artifact(value);
    if (!is_foreign_digest(json_get_string(value, "digest")))
        return read_descriptor(name, value, IMAGE_LAYER_SIZE_MAX, ret);
    ret->media_type = xstrdup("");
    ret->is_artifact = true;
    return NULL;
}

/* ANY: the layers may be of any type. */
static struct error *read_items(const char *name, const struct json *list, bool any,
                                struct manifest *ret)
{
    size_t max = ret->is_index ? MANIFEST_INDEX_MAX : IMAGE_LAYERS_MAX;
    size_t count = list != NULL && list->type == JSON_ARRAY ? list->count : 0;

    if (list == NULL || (list->type != JSON_ARRAY && list->type != JSON_NULL))
        return bad(name, "neither layers nor images");
    if (count > max)
        return error_new(EXIT_INPUT, "read manifest '%s': it has %zu %s, more than %zu", name,
                         count, ret->is_index ? "images" : "layers", max);
    ret->items = xcalloc(count, sizeof *ret->items);
    for (size_t i = 0; i < count; i++) {
        struct descriptor *item = &ret->items[ret->count++];

        if (ret->is_index) {
            TRY(read_entry(name, list->items[i], item));
            continue;
        }
        TRY(read_descriptor(name, list->items[i], IMAGE_LAYER_SIZE_MAX, item));
        item->is_foreign = is_foreign_layer(list->items[i], item->media_type);
        if (!any)
            TRY(check_layer(name, item));
    }
    return NULL;
}

static struct error *read_document(const char *name, const struct json *document,
                                   const char *content_type, struct manifest *ret)
{
    TRY(read_type(name, document, content_type, ret));
    if (ret->is_index)
        return read_items(name, json_get(document, "manifests"), false, ret);
    TRY(read_descriptor(name, json_get(document, "config"), MANIFEST_CONFIG_SIZE_MAX,
                        &ret->config));
    TRY(check_config(name, ret->media_type, &ret->config));
    return read_items(name, json_get(document, "layers"), false, ret);
}

/* The same for what need not be an image: it may have no config and no layers. */
static struct error *read_any_document(const char *name, const struct json *document,
                                       const char *content_type, struct manifest *ret)
{
    const struct json *config = get_member(document, "config");
    const struct json *layers = get_member(document, "layers");

    TRY(read_type(name, document, content_type, ret));
    if (ret->is_index)
        return read_items(name, json_get(document, "manifests"), true, ret);
    if (config != NULL)
        TRY(read_descriptor(name, config, IMAGE_LAYER_SIZE_MAX, &ret->config));
    return layers != NULL ? read_items(name, layers, true, ret) : NULL;
}

static struct error *parse(const char *name, const char *bytes, size_t length,
                           const char *content_type, bool any, struct manifest *ret)
{
    CLEANUP(json_freep) struct json *document = NULL;
    struct manifest manifest = {0};

    TRY(document_parse(DOCUMENT_MANIFEST, name, bytes, length, &document));
    struct error *err = any ? read_any_document(name, document, content_type, &manifest)
                            : read_document(name, document, content_type, &manifest);

    if (err != NULL) {
        manifest_free(&manifest);
        return err;
    }
    *ret = manifest;
    return NULL;
}

struct error *manifest_parse(const char *name, const char *bytes, size_t length,
                             const char *content_type, struct manifest *ret)
{
    return parse(name, bytes, length, content_type, false, ret);
}

struct error *manifest_parse_any(const char *name, const char *bytes, size_t length,
                                 const char *content_type, struct manifest *ret)
{
    return parse(name, bytes, length, content_type, true, ret);
}

/* Returns "linux/amd64, linux/arm/v7, ..."; the caller's. */
static char *list_platforms(const struct manifest *index)
{
    struct buffer list = {0};

    for (size_t i = 0; i < index->count && list.length < 300; i++) {
        const struct descriptor *item = &index->items[i];

        if (item->os == NULL || !is_media_type(item->os) || item->architecture == NULL ||
            !is_media_type(item->architecture))
            continue;
        buffer_printf(&list, "%s%s/%s", list.length > 0 ? ", " : "", item->os, item->architecture);
        if (item->variant != NULL && is_media_type(item->variant))
            buffer_printf(&list, "/%s", item->variant);
    }
    return buffer_steal(&list);
}

bool manifest_is_artifact(const char *bytes, size_t length)
{
    CLEANUP(json_freep) struct json *document = NULL;
    struct error *err = document_parse(DOCUMENT_MANIFEST, "manifest", bytes, length, &document);
    const char *artifact = json_get_string(document, "artifactType");
    const char *type = json_get_string(document, "mediaType");
    const char *config = json_get_string(json_get(document, "config"), "mediaType");

    error_free(err);
    if (document == NULL || get_member(document, "manifests") != NULL)
        return false;
    return (artifact != NULL && *artifact != '\0') ||
           (config != NULL && !is_config_type(type != NULL ? type : "", config));
}

bool manifest_is_index_type(const char *type)
{
    return strcmp(type, MANIFEST_OCI_INDEX) == 0 || strcmp(type, MANIFEST_DOCKER_LIST) == 0;
}

int manifest_rate(const struct descriptor *entry, const struct platform *wanted)
{
    if (entry->is_artifact)
        return PLATFORM_WRONG;
    return platform_rate(wanted, entry->os, entry->architecture, entry->variant);
}

struct error *manifest_choose(const struct manifest *index, const char *name,
                              const char *architecture, const struct descriptor **ret)
{
    const struct descriptor *best = NULL;
    struct platform wanted;
    int best_rating = PLATFORM_WRONG;

    TRY(platform_parse(architecture, &wanted));
    for (size_t i = 0; i < index->count; i++) {
        int rating = manifest_rate(&index->items[i], &wanted);

        if (rating > best_rating) {
            best_rating = rating;
            best = &index->items[i];
        }
    }
    if (best == NULL) {
        CLEANUP(freep) char *platforms = list_platforms(index);
        CLEANUP(freep) char *platform = platform_format(&wanted);

        return error_new(EXIT_INPUT, "choose image of '%s': none for linux/%s, only for %s", name,
                         platform, *platforms != '\0' ? platforms : "no platform");
    }
    *ret = best;
    return NULL;
}

const char *manifest_oci_layer_type(enum compression compression)
{
    switch (compression) {
    case COMPRESSION_NONE:
        return OCI_LAYER;
    case COMPRESSION_GZIP:
        return OCI_LAYER "+gzip";
    case COMPRESSION_ZSTD:
        return OCI_LAYER "+zstd";
    case COMPRESSION_XZ:
    case COMPRESSION_BZIP2:
        break;
    }
    return NULL;
}

enum compression manifest_layer_compression(const struct descriptor *layer)
{
    size_t length = strlen(layer->media_type);
    const char *end = length > 4 ? layer->media_type + length - 4 : "";

    if (strcmp(end, "gzip") == 0)
        return COMPRESSION_GZIP;
    return strcmp(end, "zstd") == 0 ? COMPRESSION_ZSTD : COMPRESSION_NONE;
}

static struct json *describe(const struct descriptor *descriptor)
{
    struct json *value = json_object();
    CLEANUP(freep) char *digest = xasprintf(DIGEST_PREFIX "%s", descriptor->digest.hex);

    json_set(value, "mediaType", json_string(descriptor->media_type));
    json_set(value, "digest", json_string(digest));
    json_set(value, "size", json_integer((int64_t)descriptor->size));
    return value;
}

void manifest_write(const struct manifest *manifest, struct buffer *out)
{
    CLEANUP(json_freep) struct json *document = json_object();
    struct json *layers = json_array();

    json_set(document, "schemaVersion", json_integer(2));
    json_set(document, "mediaType", json_string(manifest->media_type));
    json_set(document, "config", describe(&manifest->config));
    for (size_t i = 0; i < manifest->count; i++)
        json_append(layers, describe(&manifest->items[i]));
    json_set(document, "layers", layers);
    if (manifest->annotations != NULL && manifest->annotations->count > 0)
        json_set(document, "annotations", json_copy(manifest->annotations));
    json_write(document, false, out);
}

void manifest_free(struct manifest *manifest)
{
    free(manifest->media_type);
    descriptor_free(&manifest->config);
    for (size_t i = 0; i < manifest->count; i++)
        descriptor_free(&manifest->items[i]);
    free(manifest->items);
    *manifest = (struct manifest){0};
}
