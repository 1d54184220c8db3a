#include "host/build/built_image.h"

#include "host/format/image_record.h"
#include "host/format/image_source.h"
#include "host/image/image_config.h"
#include "host/image/kept_layer.h"
#include "host/image/reference.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* Whether LAYER is in STORE, in the form in which it was made. */
static bool is_kept(const struct layer *layer, struct store *store)
{
    const struct digest *digest = layer->blob.path != NULL ? &layer->blob.digest : &layer->diff_id;

    if (!layer->is_temporary)
        return true;
    CLEANUP(freep) char *path = store_find_unchecked(store, STORE_BLOB, digest->hex);

    return path != NULL;
}

struct error *built_image_keep(struct image *image, struct store *store, struct digest *ret)
{
    CLEANUP(buffer_free) struct buffer config = {0};

    for (size_t i = 0; i < image->layer_count; i++)
        if (!is_kept(&image->layers[i], store) && !kept_layer_put(&image->layers[i], store))
            return error_new(EXIT_OTHER, "write the layer to the cache '%s'", store_folder(store));
    image_config_write(image, &config);
    digest_of(config.data, config.length, ret);
    image_record_put(store, ret, image);
    return NULL;
}

struct error *built_image_open(const struct spec_image *image, const struct digest *built,
                               const struct image_request *request, struct image **ret)
{
    CLEANUP(reference_free) struct reference reference = {0};

    if (!image->is_built) {
        TRY(reference_parse(image->name, &reference));
        return image_open(&reference, request, ret);
    }
    *ret = image_record_get(request->store, &built[image->node], request->forms);
    return *ret != NULL
               ? NULL
               : error_new(EXIT_AGAIN, "find image '%s' in the cache: it is gone", image->name);
}
