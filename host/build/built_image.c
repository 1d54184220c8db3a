#include "host/build/built_image.h"

#include <string.h>

#include "host/format/image_record.h"
#include "host/format/image_source.h"
#include "host/format/oci_writer.h"
#include "host/image/image_bundle.h"
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

/* Gives IMAGE the manifest that OUTPUT writes of it. */
static struct error *make_manifest(struct image *image, const struct output *output,
                                   struct store *store)
{
    CLEANUP(image_bundle_free) struct image_bundle bundle = {0};

    TRY(oci_writer_bundle(image, output->compression, store, &bundle, NULL));
    const struct bundle_manifest *root = image_bundle_root(&bundle);

    buffer_append(&image->manifest, root->bytes.data, root->bytes.length);
    image->manifest_type = xstrdup(root->type);
    return NULL;
}

/* Returns the name of IMAGE. Others of the same ID may have another name or manifest. */
static struct digest name_of(const struct image *image)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    struct digest name;

    image_config_write(image, &text);
    buffer_printf(&text, "\n%s:%s\n", image->name, image->tag);
    buffer_append(&text, image->manifest.data, image->manifest.length);
    digest_of(text.data, text.length, &name);
    return name;
}

struct error *built_image_keep(struct image *image, const struct output *output,
                               struct store *store, struct digest *ret)
{
    for (size_t i = 0; i < image->layer_count; i++)
        if (!is_kept(&image->layers[i], store) && !kept_layer_put(&image->layers[i], store))
            return error_new(EXIT_OTHER, "write the layer to the cache '%s'", store_folder(store));
    if (output_format_row(output->format)->names_blobs)
        TRY(make_manifest(image, output, store));
    *ret = name_of(image);
    image_record_put(store, ret, image);
    return NULL;
}

void built_image_note(const struct image *image, struct store *store, struct digest *ret)
{
    struct digest own = name_of(image);
    CLEANUP(freep) char *name = xasprintf("looked for\n%s", own.hex);

    /* Not in the place of one that was built, of whose layers more is known. */
    digest_of(name, strlen(name), ret);
    image_record_put(store, ret, image);
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

struct error *built_image_get(const struct json *result, struct store *store, struct image **ret)
{
    const char *kept = json_get_string(result, "kept");
    struct digest name = {0};

    if (kept != NULL && digest_is_hex(kept))
        memcpy(name.hex, kept, sizeof name.hex);
    *ret = image_record_get(store, &name, LAYER_BLOB);
    return *ret != NULL ? NULL : error_new(EXIT_AGAIN, "find an image in the cache: it is gone");
}
