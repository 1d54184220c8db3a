#include "host/format/blob_image.h"

#include <stdlib.h>
#include <string.h>

#include "host/format/claimed_layer.h"
#include "host/image/image_config.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define LOOKED_MAX 100 /* documents on the way to an image, of hostile indexes in indexes */

void blob_image_search_free(struct blob_image_search *search)
{
    error_free(search->why);
    manifest_free(&search->manifest);
    free(search->diff_ids);
}

/* Keeps the first reason. */
static void note(struct blob_image_search *search, struct error *why)
{
    if (search->why == NULL)
        search->why = why;
    else
        error_free(why);
}

/* Reads the document that DESCRIPTOR names and checks its digest. */
static struct error *read_blob(const struct blob_files *blobs, const struct descriptor *descriptor,
                               const char *suffix, struct buffer *out)
{
    const struct image_files *files = blobs->files;
    CLEANUP(freep)
    char *name = xasprintf("%s%s%s", blobs->prefix, descriptor->digest.hex, suffix);
    struct digest actual;

    TRY(files->read(files->context, name, MANIFEST_SIZE_MAX, out));
    digest_of(out->data, out->length, &actual);
    if (out->length != descriptor->size || !digest_equal(&actual, &descriptor->digest))
        return error_new(EXIT_INPUT,
                         "read '%s': '%s' is damaged: it has %zu bytes, digest sha256:%s",
                         files->path, name, out->length, actual.hex);
    return NULL;
}

struct error *blob_files_read_manifest(const struct blob_files *blobs,
                                       const struct descriptor *descriptor, struct buffer *ret)
{
    return read_blob(blobs, descriptor, blobs->manifest_suffix, ret);
}

/* Takes the image of MANIFEST, which was read from BYTES, if it suits. Both are SEARCH's then. */
static struct error *take_image(struct blob_image_search *search, const char *label,
                                struct buffer *bytes, struct manifest *manifest, bool is_chosen,
                                bool *ret_found)
{
    const char *architecture = is_chosen ? NULL : search->request->choice.architecture;
    struct image *image = search->image;
    CLEANUP(buffer_free) struct buffer config = {0};
    CLEANUP(freep) struct digest *diff_ids = NULL;
    size_t count = 0;
    CLEANUP(freep)
    char *name = xasprintf("%s:%s", search->blobs->files->path, manifest->config.digest.hex);

    TRY(read_blob(search->blobs, &manifest->config, "", &config));
    json_free(STEAL(image->config));
    buffer_free(&image->config_bytes);
    TRY(image_config_read(name, &config, image, &diff_ids, &count));
    struct error *why =
        image_config_check_platform(search->blobs->files->path, image, architecture);

    if (why != NULL) {
        note(search, why);
        return NULL;
    }
    if (manifest->count != count)
        return error_new(EXIT_INPUT,
                         "read '%s': the manifest lists %zu layers, but the config lists %zu",
                         label, manifest->count, count);
    buffer_free(&image->manifest);
    image->manifest = *bytes;
    *bytes = (struct buffer){0};
    free(image->manifest_type);
    image->manifest_type = xstrdup(manifest->media_type);
    manifest_free(&search->manifest);
    search->manifest = *manifest;
    *manifest = (struct manifest){0};
    free(search->diff_ids);
    search->diff_ids = STEAL(diff_ids);
    *ret_found = true;
    return NULL;
}

/* Looks at the entries of INDEX, those first that suit best. */
static struct error *find_in_index(struct blob_image_search *search, /* NOLINT(misc-no-recursion) */
                                   const char *label, struct manifest *index, bool is_chosen,
                                   bool *ret_found)
{
    const char *architecture = search->request->choice.architecture;

    for (;;) {
        const struct descriptor *entry = NULL;
        struct error *why = manifest_choose(index, label, architecture, &entry);

        if (why != NULL) {
            note(search, why);
            return NULL;
        }
        struct descriptor *chosen = &index->items[entry - index->items];

        TRY(blob_image_find(search, chosen, is_chosen || chosen->architecture != NULL, ret_found));
        if (*ret_found)
            return NULL;
        chosen->is_artifact = true;
    }
}

/* LOOKED_MAX limits the depth. */
struct error *blob_image_find_in(struct blob_image_search *search, /* NOLINT(misc-no-recursion) */
                                 const char *label, struct buffer *bytes, const char *type,
                                 bool is_chosen, bool *ret_found)
{
    CLEANUP(manifest_free) struct manifest manifest = {0};

    *ret_found = false;
    if (++search->looked > LOOKED_MAX)
        return error_new(EXIT_INPUT, "read '%s': more than %d manifests and indexes to look at",
                         label, LOOKED_MAX);
    struct error *err = manifest_parse(label, bytes->data, bytes->length, type, &manifest);

    if (err != NULL && manifest_is_artifact(bytes->data, bytes->length)) {
        note(search, err);
        return NULL;
    }
    TRY(err);
    if (type != NULL && *type != '\0' && manifest.is_index != manifest_is_index_type(type))
        return error_new(EXIT_INPUT, "read '%s': its type is not the one that its index states",
                         label);
    if (manifest.is_index)
        return find_in_index(search, label, &manifest, is_chosen, ret_found);
    return take_image(search, label, bytes, &manifest, is_chosen, ret_found);
}

struct error *blob_image_find(struct blob_image_search *search, /* NOLINT(misc-no-recursion) */
                              const struct descriptor *descriptor, bool is_chosen, bool *ret_found)
{
    const struct blob_files *blobs = search->blobs;
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(freep) char *label = xasprintf("%s:%s", blobs->files->path, descriptor->digest.hex);

    *ret_found = false;
    TRY(blob_files_read_manifest(blobs, descriptor, &bytes));
    return blob_image_find_in(search, label, &bytes, descriptor->media_type, is_chosen, ret_found);
}

struct error *blob_image_read_layers(struct blob_image_search *search)
{
    const struct blob_files *blobs = search->blobs;
    const struct manifest *manifest = &search->manifest;

    for (size_t i = 0; i < manifest->count; i++) {
        CLEANUP(freep) char *file = xasprintf("%s%s", blobs->prefix, manifest->items[i].digest.hex);
        struct claimed_layer claim = {.file = file,
                                      .diff_id = &search->diff_ids[i],
                                      .blob = &manifest->items[i].digest,
                                      .blob_size = manifest->items[i].size,
                                      .keeps_blob = true};

        TRY(claimed_layer_get(&claim, blobs->files, search->request, search->image));
    }
    return NULL;
}
