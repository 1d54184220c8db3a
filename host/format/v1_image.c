#include "host/format/v1_image.h"

#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

/* The time of all layers but the last, for which none is recorded. */
#define NO_TIME "1970-01-01T00:00:00Z"

static void set_copy(struct json *document, const struct json *config, const char *key)
{
    const struct json *value = json_get(config, key);

    if (value != NULL)
        json_set(document, key, json_copy(value));
}

static void set_digest(struct json *document, const char *key, const struct digest *digest)
{
    CLEANUP(freep) char *text = xasprintf(DIGEST_PREFIX "%s", digest->hex);

    json_set(document, key, json_string(text));
}

struct digest *v1_image_ids(const struct image *image)
{
    struct digest *ids = xcalloc(image->layer_count, sizeof *ids);

    for (size_t i = 0; i < image->layer_count; i++) {
        bool last = i + 1 == image->layer_count;
        CLEANUP(json_freep) struct json *document = json_object();
        CLEANUP(buffer_free) struct buffer text = {0};
        struct digest chain;

        /* Sorted by key, as Go writes maps. */
        if (last) {
            set_copy(document, image->config, "architecture");
            set_copy(document, image->config, "config");
        }
        if (last)
            set_copy(document, image->config, "created");
        else
            json_set(document, "created", json_string(NO_TIME));
        image_chain_id(image, i + 1, &chain);
        set_digest(document, "layer_id", &chain);
        if (last)
            set_copy(document, image->config, "os");
        if (i > 0)
            set_digest(document, "parent", &ids[i - 1]);
        json_write(document, false, &text);
        digest_of(text.data, text.length, &ids[i]);
    }
    return ids;
}

void v1_image_json(const struct image *image, const struct digest *ids, size_t index,
                   struct buffer *out)
{
    CLEANUP(json_freep) struct json *document = json_object();
    const struct layer *layer = &image->layers[index];

    json_set(document, "id", json_string(ids[index].hex));
    if (index > 0)
        json_set(document, "parent", json_string(ids[index - 1].hex));
    if (index + 1 < image->layer_count) {
        json_set(document, "created", json_string(NO_TIME));
    } else {
        set_copy(document, image->config, "created");
        set_copy(document, image->config, "config");
        set_copy(document, image->config, "architecture");
        set_copy(document, image->config, "os");
        if (layer->tarsum != NULL)
            json_set(document, "checksum", json_string(layer->tarsum));
        json_set(document, "Size", json_integer((int64_t)layer->size));
    }
    json_write(document, false, out);
}
