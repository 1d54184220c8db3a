#include "host/image/image.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

void image_add_layer(struct image *image, struct layer layer)
{
    image->layers = xreallocarray(image->layers, image->layer_count + 1, sizeof *image->layers);
    image->layers[image->layer_count++] = layer;
}

void layer_free(struct layer *layer)
{
    free(layer->tar_path);
    free(layer->blob.path);
    free(layer->tarsum);
    *layer = (struct layer){0};
}

void image_free(struct image *image)
{
    if (image == NULL)
        return;
    for (size_t i = 0; i < image->layer_count; i++)
        layer_free(&image->layers[i]);
    free(image->layers);
    free(image->name);
    free(image->tag);
    json_free(image->config);
    json_free(image->annotations);
    buffer_free(&image->config_bytes);
    buffer_free(&image->manifest);
    free(image->manifest_type);
    free(image);
}

/* ChainID(L0) = DiffID(L0); ChainID(L0|..|Ln) = Digest(ChainID(L0|..|Ln-1) + " " + DiffID(Ln)). */
void image_chain_id(const struct image *image, size_t count, struct digest *ret)
{
    *ret = (struct digest){0};
    if (count > 0)
        *ret = image->layers[0].diff_id;
    for (size_t i = 1; i < count; i++) {
        CLEANUP(freep)
        char *text = xasprintf(DIGEST_PREFIX "%s " DIGEST_PREFIX "%s", ret->hex,
                               image->layers[i].diff_id.hex);

        digest_of(text, strlen(text), ret);
    }
}
