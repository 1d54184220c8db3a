#include "host/format/oci_layout.h"

#include <stdlib.h>
#include <string.h>

#include "host/format/claimed_layer.h"
#include "host/format/image_name.h"
#include "host/image/image_config.h"
#include "host/image/manifest.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

#define INDEX "index.json"
#define INDEX_DEPTH_MAX 4 /* nested indexes */
#define REF_NAME "org.opencontainers.image.ref.name"
#define CONTAINERD_NAME "io.containerd.image.name"

bool oci_layout_is(const struct image_files *files)
{
    return files->has(files->context, INDEX);
}

static char *blob_name(const struct digest *digest)
{
    return xasprintf("blobs/sha256/%s", digest->hex);
}

/* Reads the document that DESCRIPTOR names and checks its digest. */
static struct error *read_blob(const struct image_files *files, const struct descriptor *descriptor,
                               struct buffer *out)
{
    CLEANUP(freep) char *name = blob_name(&descriptor->digest);
    struct digest actual;

    TRY(files->read(files->context, name, MANIFEST_SIZE_MAX, out));
    digest_of(out->data, out->length, &actual);
    if (out->length != descriptor->size || !digest_equal(&actual, &descriptor->digest))
        return error_new(EXIT_INPUT,
                         "read '%s': '%s' is damaged: it has %zu bytes, digest sha256:%s",
                         files->path, name, out->length, actual.hex);
    return NULL;
}

/* The names that index.json gives an image. */
struct annotated {
    char *name, *tag; /* or NULL */
};

static void annotated_free(struct annotated *annotated)
{
    free(annotated->name);
    free(annotated->tag);
}

/* A ref.name is free text: some tools put a tag there, others a whole name. */
static struct annotated read_names(const struct json *item)
{
    const struct json *annotations = json_get(item, "annotations");
    const char *full = json_get_string(annotations, CONTAINERD_NAME);
    const char *ref = json_get_string(annotations, REF_NAME);
    struct annotated names = {0};

    if (full == NULL && ref != NULL && strpbrk(ref, "/:") != NULL)
        full = ref;
    if (full != NULL)
        image_name_split(full, &names.name, &names.tag);
    if (names.tag == NULL && ref != NULL && ref != full)
        names.tag = xstrdup(ref);
    return names;
}

/* Returns whether CHOICE asks for the image of ITEM. In skopeo's "oci:DIR:REF", REF is the ref.name
 * as it stands; it arrives here as a tag alone or a name alone. */
static bool matches(const struct json *item, const struct annotated *names,
                    const struct image_choice *choice)
{
    const char *ref = json_get_string(json_get(item, "annotations"), REF_NAME);

    if (image_name_matches(names->name, names->tag, choice))
        return true;
    return ref != NULL && (choice->name == NULL) != (choice->tag == NULL) &&
           strcmp(ref, choice->name != NULL ? choice->name : choice->tag) == 0;
}

static void add_names(struct strings *list, const struct json *item, const struct annotated *names)
{
    const char *ref = json_get_string(json_get(item, "annotations"), REF_NAME);

    if (names->name != NULL)
        strings_take(list, xasprintf("%s%s%s", names->name, names->tag != NULL ? ":" : "",
                                     names->tag != NULL ? names->tag : ""));
    else if (ref != NULL)
        strings_add(list, ref);
}

/* Returns the best of the CANDIDATES: the first for the architecture, else the first without a
 * platform, else the first. */
static const struct descriptor *best_of(const struct manifest *candidates,
                                        const struct image_choice *choice)
{
    const struct descriptor *best = NULL;
    struct error *err = manifest_choose(
        candidates, INDEX, choice->architecture != NULL ? choice->architecture : "", &best);

    error_free(err);
    for (size_t i = 0; i < candidates->count && best == NULL; i++)
        if (candidates->items[i].architecture == NULL)
            best = &candidates->items[i];
    return best != NULL ? best : &candidates->items[0];
}

/* Chooses among the images of index.json, and sets IMAGE's name and tag. */
static struct error *choose(const struct image_files *files, const struct json *document,
                            struct manifest *index, const struct image_choice *choice,
                            struct image *image, struct descriptor *ret)
{
    const struct json *list = json_get(document, "manifests");
    CLEANUP(strings_free) struct strings all = {0};
    CLEANUP(freep) struct descriptor *items = xcalloc(index->count, sizeof *items);
    struct manifest candidates = {.items = items};

    for (size_t i = 0; i < index->count; i++) {
        CLEANUP(annotated_free) struct annotated names = read_names(list->items[i]);

        add_names(&all, list->items[i], &names);
        if (matches(list->items[i], &names, choice))
            items[candidates.count++] = index->items[i];
    }
    if (candidates.count == 0)
        return image_name_missing(files->path, choice, &all);
    *ret = *best_of(&candidates, choice);
    for (size_t i = 0; i < index->count; i++) {
        if (!digest_equal(&index->items[i].digest, &ret->digest))
            continue;
        CLEANUP(annotated_free) struct annotated names = read_names(list->items[i]);

        if (image->name != NULL || !matches(list->items[i], &names, choice))
            continue;
        free(image->tag);
        image->name = STEAL(names.name);
        image->tag = STEAL(names.tag);
    }
    return NULL;
}

static bool is_index_type(const char *type)
{
    return strcmp(type, MANIFEST_OCI_INDEX) == 0 || strcmp(type, MANIFEST_DOCKER_LIST) == 0;
}

/* Reads the manifest that DESCRIPTOR names; if that is an index, the one in it for CHOICE's
 * architecture, and so on. IMAGE gets the manifest's bytes. */
static struct error *read_manifest(const struct image_files *files,
                                   const struct image_choice *choice,
                                   const struct descriptor *descriptor, struct image *image,
                                   struct manifest *ret)
{
    CLEANUP(manifest_free) struct manifest index = {0}; /* has DESCRIPTOR, after the first */

    for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
        CLEANUP(manifest_free) struct manifest manifest = {0};
        CLEANUP(buffer_free) struct buffer bytes = {0};
        CLEANUP(freep) char *label = xasprintf("%s:%s", files->path, descriptor->digest.hex);

        TRY(read_blob(files, descriptor, &bytes));
        TRY(manifest_parse(label, bytes.data, bytes.length, descriptor->media_type, &manifest));
        if (manifest.is_index != is_index_type(descriptor->media_type))
            return error_new(EXIT_INPUT, "read '%s': its type is not the one that its index states",
                             label);
        if (!manifest.is_index) {
            image->manifest = bytes;
            bytes = (struct buffer){0};
            image->manifest_type = xstrdup(manifest.media_type);
            *ret = manifest;
            manifest = (struct manifest){0};
            return NULL;
        }
        TRY(manifest_choose(&manifest, label, choice->architecture, &descriptor));
        manifest_free(&index);
        index = manifest;
        manifest = (struct manifest){0};
    }
    return error_new(EXIT_INPUT, "read '%s': indexes are nested more than %d deep", files->path,
                     INDEX_DEPTH_MAX);
}

static struct error *read_layers(const struct image_files *files, const struct manifest *manifest,
                                 const struct digest *diff_ids, size_t count,
                                 const struct image_request *request, struct image *image)
{
    if (manifest->count != count)
        return error_new(EXIT_INPUT,
                         "read '%s': the manifest lists %zu layers, but the config lists %zu",
                         files->path, manifest->count, count);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(freep) char *file = blob_name(&manifest->items[i].digest);
        struct claimed_layer claim = {.file = file,
                                      .diff_id = &diff_ids[i],
                                      .blob = &manifest->items[i].digest,
                                      .blob_size = manifest->items[i].size,
                                      .keeps_blob = true};

        TRY(claimed_layer_get(&claim, files, request, image));
    }
    return NULL;
}

/* Reads config and layers of the image that DESCRIPTOR names. */
static struct error *read_image(const struct image_files *files,
                                const struct image_request *request,
                                const struct descriptor *descriptor, struct image *image)
{
    CLEANUP(manifest_free) struct manifest manifest = {0};
    CLEANUP(buffer_free) struct buffer config = {0};
    CLEANUP(freep) struct digest *diff_ids = NULL;
    size_t count = 0;

    TRY(read_manifest(files, &request->choice, descriptor, image, &manifest));
    TRY(read_blob(files, &manifest.config, &config));
    CLEANUP(freep) char *label = xasprintf("%s:%s", files->path, manifest.config.digest.hex);

    TRY(image_config_read(label, &config, image, &diff_ids, &count));
    return read_layers(files, &manifest, diff_ids, count, request, image);
}

struct error *oci_layout_read(const struct image_files *files, const struct image_request *request,
                              struct image **ret)
{
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(json_freep) struct json *document = NULL;
    CLEANUP(manifest_free) struct manifest index = {0};
    CLEANUP(freep) char *label = xasprintf("%s:" INDEX, files->path);
    CLEANUP(annotated_free) struct annotated split = {0};
    struct image_choice wanted = request->choice;
    struct descriptor descriptor;

    /* A REF that is a whole name is compared as one, whichever annotation has it. */
    if (wanted.name == NULL && wanted.tag != NULL && strpbrk(wanted.tag, "/:") != NULL) {
        image_name_split(wanted.tag, &split.name, &split.tag);
        wanted.name = split.name;
        wanted.tag = split.tag;
    }
    TRY(files->read(files->context, INDEX, MANIFEST_SIZE_MAX, &bytes));
    TRY(manifest_parse(label, bytes.data, bytes.length, MANIFEST_OCI_INDEX, &index));
    TRY(json_parse(label, bytes.data, bytes.length, &document));
    if (!index.is_index || index.count == 0)
        return error_new(EXIT_INPUT, "read '%s': it lists no images", label);
    TRY(choose(files, document, &index, &wanted, image, &descriptor));
    TRY(read_image(files, request, &descriptor, image));
    *ret = STEAL(image);
    return NULL;
}
