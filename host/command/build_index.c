#include "host/command/build_index.h"

#include <stdlib.h>
#include <string.h>

#include "host/build/build_result.h"
#include "host/build/built_image.h"
#include "host/format/oci_writer.h"
#include "host/image/image.h"
#include "host/image/image_bundle.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"

struct error *build_index_check(const struct build_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        const struct output *output = &targets->outputs[i];

        if (!output_format_row(output->format)->names_blobs)
            return error_advise(
                error_new(EXIT_USAGE, "write '%s': its format has no index", output->path),
                "use oci-archive:FILE, oci:DIR, dir:DIR or docker://HOST/NAME:TAG");
        TRY(output_check(output));
    }
    return NULL;
}

/* An index being written. */
struct writing {
    const struct build_index *index;
    struct image_bundle bundle;
    struct json *entries; /* of the images, in their order */
    struct json *result;
};

/* Names the index as all of its images are named, if that is one name; the entries have names if
 * not. */
static void name_bundle(struct writing *writing, const struct image *image, bool is_first)
{
    struct image_bundle *bundle = &writing->bundle;

    if (is_first) {
        bundle->name = xstrdup(image->name);
        bundle->tag = xstrdup(image->tag);
    } else if (bundle->name != NULL &&
               (strcmp(bundle->name, image->name) != 0 || strcmp(bundle->tag, image->tag) != 0)) {
        free(bundle->name);
        free(bundle->tag);
        bundle->name = bundle->tag = NULL;
    }
}

/* Adds the image NUMBER with all that it consists of. */
static struct error *add_image(struct writing *writing, size_t number)
{
    const struct build_index *index = writing->index;
    enum compression compression = index->targets->outputs[0].compression;
    CLEANUP(image_freep) struct image *image = NULL;
    struct json *entry = NULL;

    TRY(built_image_get(index->results[number], index->store, &image));
    name_bundle(writing, image, number == 0);
    TRY(oci_writer_bundle(image, compression, index->store, &writing->bundle, &entry));
    json_append(writing->entries, entry);
    return NULL;
}

/* Adds the index itself. */
static void add_root(struct writing *writing)
{
    CLEANUP(json_freep) struct json *document = json_object();
    CLEANUP(buffer_free) struct buffer text = {0};
    struct json *manifests = json_copy(writing->entries);

    for (size_t i = 0; writing->bundle.name != NULL && i < manifests->count; i++)
        json_remove(manifests->items[i], "annotations");
    json_set(document, "schemaVersion", json_integer(2));
    json_set(document, "mediaType", json_string(MANIFEST_OCI_INDEX));
    json_set(document, "manifests", manifests);
    json_write(document, false, &text);
    image_bundle_take_manifest(&writing->bundle, MANIFEST_OCI_INDEX, &text);
}

static struct error *write_files(const struct writing *writing)
{
    const struct build_targets *targets = writing->index->targets;

    for (size_t i = 0; i < targets->count; i++) {
        if (output_format_row(targets->outputs[i].format)->is_remote)
            continue;
        progress_start("output");
        TRY(output_write_bundle(&writing->bundle, &targets->outputs[i], writing->index->store));
        progress_done();
    }
    return NULL;
}

/* store_run: writes. */
static struct error *write_all(void *context)
{
    struct writing *writing = context;
    const struct build_index *index = writing->index;

    for (size_t i = 0; i < index->count; i++)
        TRY(add_image(writing, i));
    add_root(writing);
    TRY(write_files(writing));
    TRY(build_targets_push_bundle(index->targets, index->options, index->store, &writing->bundle));
    const struct bundle_manifest *root = image_bundle_root(&writing->bundle);
    const struct output_manifest manifest = {.digest = root->digest, .size = root->bytes.length};

    for (size_t i = 0; i < index->targets->count; i++)
        build_result_set_manifest(writing->result, i, &manifest);
    return NULL;
}

struct error *build_index_write(const struct build_index *index, struct json **ret)
{
    struct writing writing = {.index = index, .entries = json_array(), .result = json_object()};
    struct json *manifests = json_array();

    for (size_t i = 0; i < index->targets->count; i++)
        json_append(manifests, json_null());
    json_set(writing.result, "manifests", manifests);
    json_set(writing.result, "images", writing.entries);
    struct error *err = store_run(index->store, true, write_all, &writing);

    image_bundle_free(&writing.bundle);
    *ret = writing.result;
    return err;
}
