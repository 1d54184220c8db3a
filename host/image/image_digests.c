#include "host/image/image_digests.h"

#include "host/image/image_config.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static struct json *digest_value(const struct digest *digest)
{
    CLEANUP(freep) char *text = xasprintf(DIGEST_PREFIX "%s", digest->hex);

    return json_string(text);
}

struct json *image_digests(const struct image *image, const struct digest *manifest)
{
    struct json *digests = json_object();
    CLEANUP(buffer_free) struct buffer config = {0};
    struct digest digest;

    if (*manifest->hex != '\0')
        json_set(digests, "digest", digest_value(manifest));
    if (image == NULL)
        return digests;
    image_config_write(image, &config);
    digest_of(config.data, config.length, &digest);
    json_set(digests, "config", digest_value(&digest));
    struct json *layers = json_array();

    for (size_t i = 0; i < image->layer_count; i++)
        json_append(layers, digest_value(&image->layers[i].diff_id));
    json_set(digests, "layers", layers);
    return digests;
}
