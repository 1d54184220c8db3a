#include "host/format/oci_layout.h"

#include <stdlib.h>
#include <string.h>

#include "host/format/blob_image.h"
#include "host/format/bundle_files.h"
#include "host/format/image_name.h"
#include "host/image/document.h"
#include "host/image/manifest.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

#define INDEX "index.json"
#define BLOBS "blobs/sha256/"
#define REF_NAME "org.opencontainers.image.ref.name"
#define CONTAINERD_NAME "io.containerd.image.name"

bool oci_layout_is(const struct image_files *files)
{
    return files->has(files->context, INDEX);
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

/* Collects in CANDIDATES the entries of INDEX that have the name of CHOICE; they are INDEX's. */
static struct error *find_candidates(const struct image_files *files, const struct json *document,
                                     const struct manifest *index,
                                     const struct image_choice *choice, struct manifest *candidates)
{
    const struct json *list = json_get(document, "manifests");
    CLEANUP(strings_free) struct strings all = {0};

    candidates->items = xcalloc(index->count, sizeof *candidates->items);
    for (size_t i = 0; i < index->count; i++) {
        CLEANUP(annotated_free) struct annotated names = read_names(list->items[i]);

        add_names(&all, list->items[i], &names);
        if (matches(list->items[i], &names, choice))
            candidates->items[candidates->count++] = index->items[i];
    }
    return candidates->count > 0 ? NULL : image_name_missing(files->path, choice, &all);
}

/* Sets IMAGE's name and tag to those that index.json gives the entry with DIGEST. */
static void set_name(const struct json *document, const struct manifest *index,
                     const struct image_choice *choice, const struct digest *digest,
                     struct image *image)
{
    const struct json *list = json_get(document, "manifests");

    for (size_t i = 0; i < index->count; i++) {
        if (!digest_equal(&index->items[i].digest, digest))
            continue;
        CLEANUP(annotated_free) struct annotated names = read_names(list->items[i]);

        if (image->name != NULL || !matches(list->items[i], &names, choice))
            continue;
        free(image->tag);
        image->name = STEAL(names.name);
        image->tag = STEAL(names.tag);
    }
}

/* Returns the next of the CANDIDATES to look at: the first of those that suit WANTED best, those
 * that name no platform included; then, unless a platform is REQUIRED, the first of the others.
 * NULL if none is left. */
static struct descriptor *next_candidate(struct manifest *candidates, const struct platform *wanted,
                                         bool required)
{
    struct descriptor *best = NULL;
    int best_rating = required ? PLATFORM_WRONG : PLATFORM_WRONG - 1;

    for (size_t i = 0; i < candidates->count; i++) {
        int rating = manifest_rate(&candidates->items[i], wanted);

        if (candidates->items[i].is_artifact || rating <= best_rating)
            continue;
        best_rating = rating;
        best = &candidates->items[i];
    }
    return best;
}

/* Looks at the first candidate if no other suits. Errors: EXIT_INPUT, which tells why it does not,
 * either. */
static struct error *use_first(struct blob_image_search *search, const struct manifest *candidates,
                               bool is_artifact)
{
    const char *path = search->blobs->files->path;
    const struct descriptor *first = &candidates->items[0];
    const struct descriptor *chosen = NULL;
    bool found = false;

    if (search->why != NULL)
        return STEAL(search->why);
    if (*first->digest.hex == '\0')
        return error_new(EXIT_INPUT, "read '%s': the digest of the image is not SHA-256", path);
    if (!is_artifact)
        return manifest_choose(candidates, path, search->request->choice.architecture, &chosen);
    TRY(blob_image_find(search, first, false, &found));
    return found ? NULL : STEAL(search->why);
}

static struct error *find_image(struct blob_image_search *search, struct manifest *candidates,
                                struct digest *ret)
{
    const char *architecture = search->request->choice.architecture;
    struct platform wanted;
    struct descriptor *candidate;
    bool is_artifact = candidates->items[0].is_artifact;
    bool found = false;

    TRY(platform_parse(architecture, &wanted));
    while ((candidate = next_candidate(candidates, &wanted, architecture != NULL)) != NULL) {
        TRY(blob_image_find(search, candidate, candidate->architecture != NULL, &found));
        if (found) {
            *ret = candidate->digest;
            return NULL;
        }
        candidate->is_artifact = true;
    }
    *ret = candidates->items[0].digest;
    return use_first(search, candidates, is_artifact);
}

/* index.json of a layout that is being read. */
struct layout {
    char *label;
    struct buffer bytes;
    struct json *document;
    struct manifest index;
    struct annotated split;
    struct image_choice wanted; /* its names are as annotations have them */
    struct manifest candidates; /* the entries with the wanted name, borrowed from the index */
};

static void layout_free(struct layout *layout)
{
    free(layout->label);
    buffer_free(&layout->bytes);
    json_free(layout->document);
    manifest_free(&layout->index);
    annotated_free(&layout->split);
    free(layout->candidates.items);
}

static struct error *read_index(const struct image_files *files, const struct image_choice *choice,
                                struct layout *ret)
{
    struct buffer *bytes = &ret->bytes;

    ret->label = xasprintf("%s:" INDEX, files->path);
    ret->wanted = *choice;
    /* A REF that is a whole name is compared as one, whichever annotation has it. */
    if (choice->name == NULL && choice->tag != NULL && strpbrk(choice->tag, "/:") != NULL) {
        image_name_split(choice->tag, &ret->split.name, &ret->split.tag);
        ret->wanted.name = ret->split.name;
        ret->wanted.tag = ret->split.tag;
    }
    TRY(files->read(files->context, INDEX, JSON_SIZE_MAX, bytes));
    TRY(manifest_parse(ret->label, bytes->data, bytes->length, MANIFEST_OCI_INDEX, &ret->index));
    TRY(document_parse(DOCUMENT_MANIFEST, ret->label, bytes->data, bytes->length, &ret->document));
    if (!ret->index.is_index || ret->index.count == 0)
        return error_new(EXIT_INPUT, "read '%s': it lists no images", ret->label);
    return find_candidates(files, ret->document, &ret->index, &ret->wanted, &ret->candidates);
}

struct error *oci_layout_read(const struct image_files *files, const struct image_request *request,
                              struct image **ret)
{
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(layout_free) struct layout layout = {0};
    struct digest chosen;
    const struct blob_files blobs = {files, BLOBS, ""};
    CLEANUP(blob_image_search_free)
    struct blob_image_search search = {.blobs = &blobs, .request = request, .image = image};

    TRY(read_index(files, &request->choice, &layout));
    TRY(find_image(&search, &layout.candidates, &chosen));
    set_name(layout.document, &layout.index, &layout.wanted, &chosen, image);
    TRY(blob_image_read_layers(&search));
    *ret = STEAL(image);
    return NULL;
}

/* Takes the bytes of the entry that is wanted; of a layout whose entries are all wanted, index.json
 * itself, in which some programs put the images for several platforms. */
static struct error *read_root(const struct blob_files *blobs, struct layout *layout,
                               struct buffer *ret, const char **ret_type)
{
    const struct descriptor *first = &layout->candidates.items[0];

    if (layout->candidates.count > 1 && layout->candidates.count == layout->index.count) {
        *ret = layout->bytes;
        layout->bytes = (struct buffer){0};
        *ret_type = layout->index.media_type;
        return NULL;
    }
    if (*first->digest.hex == '\0')
        return error_new(EXIT_INPUT, "read '%s': the digest of the image is not SHA-256",
                         blobs->files->path);
    *ret_type = first->media_type;
    return blob_files_read_manifest(blobs, first, ret);
}

struct error *oci_layout_read_bundle(const struct image_files *files,
                                     const struct image_request *request, bool root_only,
                                     struct image_bundle *ret)
{
    CLEANUP(image_freep) struct image *named = xcalloc(1, sizeof *named);
    CLEANUP(layout_free) struct layout layout = {0};
    CLEANUP(buffer_free) struct buffer bytes = {0};
    const struct blob_files blobs = {files, BLOBS, ""};
    const char *type = NULL;

    TRY(read_index(files, &request->choice, &layout));
    TRY(read_root(&blobs, &layout, &bytes, &type));
    TRY(bundle_files_read(&blobs, layout.label, type, &bytes, root_only, request->store, ret));
    set_name(layout.document, &layout.index, &layout.wanted, &layout.candidates.items[0].digest,
             named);
    ret->name = STEAL(named->name);
    ret->tag = STEAL(named->tag);
    return NULL;
}
