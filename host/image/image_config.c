#include "host/image/image_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/image/architecture.h"
#include "host/image/document.h"
#include "host/image/platform.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"
#include "host/lib/rfc3339.h"

#define SPEC_NAME "spec"
#define BASE_NAME "base image"

static struct error *read_diff_ids(const char *name, const struct json *config, struct digest *ret,
                                   size_t count)
{
    const struct json *list = json_get(json_get(config, "rootfs"), "diff_ids");

    for (size_t i = 0; i < count; i++) {
        const struct json *item = list->items[i];

        if (item->type != JSON_STRING)
            return error_new(EXIT_INPUT, "read config '%s': a diff ID is not a string", name);
        TRY(error_context(digest_parse(item->text, &ret[i]), "read config '%s'", name));
    }
    return NULL;
}

/* Some programs leave KEY out, others write it empty. */
static void set_default(struct json *document, const char *key, const char *text)
{
    const char *old = json_get_string(document, key);

    if (old == NULL || *old == '\0')
        json_set(document, key, json_string(text));
}

struct error *image_config_read(const char *name, struct buffer *bytes, struct image *image,
                                struct digest **ret_diff_ids, size_t *ret_count)
{
    CLEANUP(json_freep) struct json *config = NULL;

    TRY(document_parse(DOCUMENT_CONFIG, name, bytes->data, bytes->length, &config));
    const struct json *rootfs = json_get(config, "rootfs");
    const struct json *list = json_get(rootfs, "diff_ids");
    const char *type = json_get_string(rootfs, "type");
    const char *os = json_get_string(config, "os");

    if (config->type != JSON_OBJECT || rootfs == NULL)
        return error_new(EXIT_INPUT, "read config '%s': not an image config: rootfs is missing",
                         name);
    if (type != NULL && strcmp(type, "layers") != 0)
        return error_new(EXIT_INPUT, "read config '%s': rootfs is not of type 'layers'", name);
    if (os != NULL && *os != '\0' && strcasecmp(os, "linux") != 0)
        return error_new(EXIT_INPUT, "read config '%s': the image is not for Linux", name);
    /* Go writes an empty list as null. */
    if (list != NULL && list->type != JSON_ARRAY && list->type != JSON_NULL)
        return error_new(EXIT_INPUT, "read config '%s': rootfs.diff_ids is not an array", name);
    size_t count = list != NULL && list->type == JSON_ARRAY ? list->count : 0;

    if (count > IMAGE_LAYERS_MAX)
        return error_new(EXIT_INPUT, "read config '%s': %zu layers, more than the limit of %d",
                         name, count, IMAGE_LAYERS_MAX);
    CLEANUP(freep) struct digest *diff_ids = xcalloc(count, sizeof *diff_ids);

    TRY(read_diff_ids(name, config, diff_ids, count));
    set_default(config, "architecture", architecture_of_host());
    set_default(config, "os", "linux");
    image->config = STEAL(config);
    image->config_bytes = *bytes;
    *bytes = (struct buffer){0};
    *ret_diff_ids = STEAL(diff_ids);
    *ret_count = count;
    return NULL;
}

int image_config_rate(const struct json *config, const struct platform *wanted)
{
    const char *variant = json_get_string(config, "variant");
    struct platform any = *wanted;

    /* Configs of arm often lack it. */
    if (variant == NULL || *variant == '\0')
        *any.variant = '\0';
    return platform_rate(&any, json_get_string(config, "os"),
                         json_get_string(config, "architecture"), variant);
}

struct error *image_config_check_platform(const char *name, const struct image *image,
                                          const char *architecture)
{
    struct platform wanted;

    if (architecture == NULL)
        return NULL;
    TRY(platform_parse(architecture, &wanted));
    if (image_config_rate(image->config, &wanted) != PLATFORM_WRONG)
        return NULL;
    CLEANUP(buffer_free) struct buffer found = {0};
    CLEANUP(freep) char *text = platform_format(&wanted);

    image_config_append_platform(image->config, &found);
    return error_new(EXIT_INPUT, "choose image of '%s': none for linux/%s, only for %s", name, text,
                     found.data);
}

void image_config_append_platform(const struct json *config, struct buffer *out)
{
    static const char *const keys[] = {"os", "architecture", "variant"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text = json_get_string(config, keys[i]);

        if (text == NULL || *text == '\0')
            continue;
        buffer_printf(out, "%s", i > 0 ? "/" : "");
        printable_append(out, text, strnlen(text, PLATFORM_PART_MAX), PRINTABLE_ASCII,
                         PRINTABLE_MARK);
    }
}

static struct error *require(const struct json *value, enum json_type type, const char *whose,
                             const char *key)
{
    if (value == NULL || value->type == JSON_NULL || value->type == type)
        return NULL;
    return error_new(EXIT_INPUT, "read config of '%s': %s is of type %s, not %s", whose, key,
                     json_type_name(value->type), json_type_name(type));
}

/* Both must be lists of strings, each "NAME=VALUE" or "NAME". */
static struct error *check_env(const struct json *env, const char *whose)
{
    TRY(require(env, JSON_ARRAY, whose, "Env"));
    for (size_t i = 0; env != NULL && i < env->count; i++) {
        if (env->items[i]->type != JSON_STRING)
            return error_new(EXIT_INPUT, "read config of '%s': Env contains %s, not only strings",
                             whose, json_type_name(env->items[i]->type));
    }
    return NULL;
}

/* Returns whether two Env entries set the same variable. */
static bool same_variable(const char *a, const char *b)
{
    size_t length = strcspn(a, "=");

    return length == strcspn(b, "=") && strncmp(a, b, length) == 0;
}

/* Removes from ENV what sets the variable of item AT once more: of several, one program takes the
 * first and another the last. */
static void drop_repetitions(struct json *env, size_t at)
{
    size_t kept = at + 1;

    for (size_t i = at + 1; i < env->count; i++)
        if (same_variable(env->items[at]->text, env->items[i]->text))
            json_free(env->items[i]);
        else
            env->items[kept++] = env->items[i];
    env->count = kept;
}

/* A variable of OVER takes the place of the base's; new ones follow in their order. */
static struct json *merge_env(const struct json *base, const struct json *over)
{
    struct json *merged = base != NULL && base->type == JSON_ARRAY ? json_copy(base) : json_array();

    for (size_t i = 0; i < over->count; i++) {
        size_t at = 0;

        while (at < merged->count && !same_variable(merged->items[at]->text, over->items[i]->text))
            at++;
        if (at == merged->count) {
            json_append(merged, json_copy(over->items[i]));
            continue;
        }
        json_free(merged->items[at]);
        merged->items[at] = json_copy(over->items[i]);
        drop_repetitions(merged, at);
    }
    return merged;
}

static struct json *merge_map(const struct json *base, const struct json *over)
{
    struct json *merged =
        base != NULL && base->type == JSON_OBJECT ? json_copy(base) : json_object();

    for (size_t i = 0; i < over->count; i++)
        if (over->items[i]->type == JSON_NULL)
            json_remove(merged, over->keys[i]);
        else
            json_set(merged, over->keys[i], json_copy(over->items[i]));
    return merged;
}

static bool is_map(const char *key)
{
    return strcmp(key, "Labels") == 0 || strcmp(key, "Volumes") == 0 ||
           strcmp(key, "ExposedPorts") == 0;
}

static struct error *merge_key(struct json *config, const char *key, const struct json *over)
{
    const struct json *base = json_get(config, key);

    if (over->type == JSON_NULL) {
        json_remove(config, key);
    } else if (strcmp(key, "Env") == 0) {
        TRY(check_env(base, BASE_NAME));
        TRY(check_env(over, SPEC_NAME));
        json_set(config, key, merge_env(base, over));
    } else if (is_map(key)) {
        TRY(require(base, JSON_OBJECT, BASE_NAME, key));
        TRY(require(over, JSON_OBJECT, SPEC_NAME, key));
        json_set(config, key, merge_map(base, over));
    } else {
        json_set(config, key, json_copy(over));
    }
    return NULL;
}

static bool is_set(const struct json *config, const char *key)
{
    const struct json *value = json_get(config, key);

    return value != NULL && value->type != JSON_NULL;
}

struct error *image_config_merge(const struct json *base_document, const struct json *over,
                                 struct json **ret)
{
    const struct json *base = json_get(base_document, "config");

    TRY(require(base, JSON_OBJECT, BASE_NAME, "config"));
    TRY(require(over, JSON_OBJECT, SPEC_NAME, "config"));
    CLEANUP(json_freep)
    struct json *config =
        base != NULL && base->type == JSON_OBJECT ? json_copy(base) : json_object();

    json_remove(config, "Image"); /* the image that Docker built the base on */
    if (is_set(over, "Entrypoint") && json_get(over, "Cmd") == NULL)
        json_remove(config, "Cmd");
    for (size_t i = 0; over != NULL && over->type == JSON_OBJECT && i < over->count; i++)
        TRY(merge_key(config, over->keys[i], over->items[i]));
    *ret = STEAL(config);
    return NULL;
}

static struct json *make_rootfs(const struct image *image)
{
    struct json *rootfs = json_object(), *diff_ids = json_array();

    for (size_t i = 0; i < image->layer_count; i++) {
        CLEANUP(freep) char *text = xasprintf(DIGEST_PREFIX "%s", image->layers[i].diff_id.hex);

        json_append(diff_ids, json_string(text));
    }
    json_set(rootfs, "type", json_string("layers"));
    json_set(rootfs, "diff_ids", diff_ids);
    return rootfs;
}

/* Counts the entries of HISTORY that stand for layers. */
static struct error *count_history(const struct json *history, size_t *ret)
{
    *ret = 0;
    TRY(require(history, JSON_ARRAY, BASE_NAME, "history"));
    for (size_t i = 0; history != NULL && i < history->count; i++) {
        const struct json *empty = json_get(history->items[i], "empty_layer");

        if (history->items[i]->type != JSON_OBJECT)
            return error_new(EXIT_INPUT,
                             "read config of '%s': history contains %s, not only objects",
                             BASE_NAME, json_type_name(history->items[i]->type));
        TRY(require(empty, JSON_BOOLEAN, BASE_NAME, "history's empty_layer"));
        *ret += empty == NULL || empty->type == JSON_NULL || !empty->boolean;
    }
    return NULL;
}

/* The entry of the history for what was made of PARTS, at the time CREATED. */
static struct json *make_entry(const struct image_config_parts *parts, const char *created)
{
    struct json *entry = json_object();

    json_set(entry, "created", json_string(created));
    json_set(entry, "created_by", json_string(parts->created_by));
    if (parts->author != NULL)
        json_set(entry, "author", json_string(parts->author));
    json_set(entry, "comment", json_string("vmbuild"));
    if (!parts->has_new_layer)
        json_set(entry, "empty_layer", json_boolean(true));
    return entry;
}

static struct error *make_history(const struct image_config_parts *parts, size_t base_layers,
                                  const char *created, struct json **ret)
{
    const struct json *base = json_get(parts->base, "history");
    size_t count;

    TRY(count_history(base, &count));
    bool usable = base != NULL && base->type == JSON_ARRAY && count <= base_layers;
    struct json *history = usable ? json_copy(base) : json_array();

    for (size_t i = usable ? count : 0; i < base_layers; i++) {
        struct json *filler = json_object();

        json_set(filler, "comment", json_string("not recorded by the base image"));
        json_append(history, filler);
    }
    json_append(history, make_entry(parts, created));
    *ret = history;
    return NULL;
}

/* Drops what is true only of the base. */
static void drop_base_only(struct json *document)
{
    static const char *const keys[] = {"id",
                                       "parent",
                                       "parent_id",
                                       "layer_id",
                                       "throwaway",
                                       "Size",
                                       "container",
                                       "container_config",
                                       "docker_version",
                                       "moby.buildkit.cache.v0",
                                       "moby.buildkit.buildinfo.v1"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        json_remove(document, keys[i]);
}

/* Sets the platform to ARCHITECTURE ("arm/v7"), unless DOCUMENT has one. */
static void set_platform(struct json *document, const char *architecture)
{
    const char *old = json_get_string(document, "architecture");
    size_t length = strcspn(architecture, "/");

    if (old != NULL && *old != '\0')
        return;
    CLEANUP(freep) char *name = xstrndup(architecture, length);

    json_set(document, "architecture", json_string(name));
    if (architecture[length] == '/')
        json_set(document, "variant", json_string(architecture + length + 1));
}

struct error *image_config_make(const struct image_config_parts *parts, struct image *image)
{
    CLEANUP(freep) char *time = rfc3339_format(parts->created);
    size_t base_layers = image->layer_count - (parts->has_new_layer ? 1 : 0);
    const struct json *base = parts->base;
    struct json *config = NULL, *history = NULL;

    TRY(require(base, JSON_OBJECT, BASE_NAME, "the document"));
    CLEANUP(json_freep)
    struct json *document =
        base != NULL && base->type == JSON_OBJECT ? json_copy(base) : json_object();

    drop_base_only(document);
    json_set(document, "created", json_string(time));
    set_platform(document, parts->architecture);
    set_default(document, "os", "linux");
    if (parts->author != NULL)
        json_set(document, "author", json_string(parts->author));
    TRY(image_config_merge(base, parts->config, &config));
    json_set(document, "config", config);
    json_set(document, "rootfs", make_rootfs(image));
    TRY(make_history(parts, base_layers, time, &history));
    json_set(document, "history", history);
    json_free(image->config);
    image->config = STEAL(document);
    return NULL;
}

/* The `created` of OBJECT, or INT64_MIN if it is missing or malformed. */
static int64_t created_of(const struct json *object)
{
    const char *text = json_get_string(object, "created");
    int64_t created;

    return text != NULL && rfc3339_parse(text, &created) ? created : INT64_MIN;
}

int64_t image_config_created(const struct json *config)
{
    const struct json *history = json_get(config, "history");
    int64_t latest = created_of(config);

    if (history == NULL || history->type != JSON_ARRAY)
        return latest;
    for (size_t i = 0; i < history->count; i++) {
        int64_t created = created_of(history->items[i]);

        if (created > latest)
            latest = created;
    }
    return latest;
}

void image_config_write(const struct image *image, struct buffer *out)
{
    if (image->config_bytes.length > 0)
        buffer_append(out, image->config_bytes.data, image->config_bytes.length);
    else
        json_write(image->config, false, out);
}
