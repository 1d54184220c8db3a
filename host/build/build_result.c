#include "host/build/build_result.h"

#include "host/image/image_digests.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static void set_digest(struct json *object, const char *key, const struct digest *digest)
{
    CLEANUP(freep) char *text = xasprintf(DIGEST_PREFIX "%s", digest->hex);

    json_set(object, key, json_string(text));
}

/* A layer that was never unpacked is of a size that is not known. */
static struct json *describe_layer(const struct layer *layer)
{
    struct json *object = json_object();

    set_digest(object, "diffID", &layer->diff_id);
    if (layer->size > 0)
        json_set(object, "size", json_integer((int64_t)layer->size));
    if (*layer->blob.digest.hex == '\0')
        return object;
    set_digest(object, "digest", &layer->blob.digest);
    json_set(object, "compressedSize", json_integer((int64_t)layer->blob.size));
    return object;
}

static struct json *describe_manifest(const struct output_manifest *manifest)
{
    struct json *object = json_object();

    if (*manifest->digest.hex == '\0') {
        json_free(object);
        return json_null();
    }
    set_digest(object, "digest", &manifest->digest);
    json_set(object, "size", json_integer((int64_t)manifest->size));
    return object;
}

struct json *build_result_make(const struct build_facts *facts)
{
    const struct image *image = facts->image;
    const struct digest none = {0};
    struct json *result = image_digests(image, &none);
    struct json *sizes = json_array(), *manifests = json_array();
    struct json *seconds = json_new(JSON_NUMBER);
    CLEANUP(freep) char *name = xasprintf("%s:%s", image->name, image->tag);

    seconds->text = xasprintf("%.3f", facts->seconds);
    for (size_t i = 0; i < image->layer_count; i++)
        json_append(sizes, describe_layer(&image->layers[i]));
    for (size_t i = 0; i < facts->output_count; i++)
        json_append(manifests, describe_manifest(&facts->manifests[i]));
    json_set(result, "name", json_string(name));
    json_set(result, "sizes", sizes);
    json_set(result, "manifests", manifests);
    json_set(result, "cached", json_boolean(facts->is_cached));
    json_set(result, "seconds", seconds);
    if (facts->reason != NULL)
        json_set(result, "reason", json_string(facts->reason));
    if (facts->kept != NULL)
        json_set(result, "kept", json_string(facts->kept->hex));
    return result;
}

void build_result_set_manifest(struct json *result, size_t index,
                               const struct output_manifest *manifest)
{
    const struct json *manifests = json_get(result, "manifests");

    json_free(manifests->items[index]);
    manifests->items[index] = describe_manifest(manifest);
}
