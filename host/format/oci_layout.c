#include "host/format/oci_layout.h"

#include <stdlib.h>
#include <string.h>

#include "host/format/blob_image.h"
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
        return error_new(EXIT_INPUT, "read '%s': the digest of the image is not of SHA-256", path);
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

struct error *oci_layout_read(const struct image_files *files, const struct image_request *request,
                              struct image **ret)
{
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(json_freep) struct json *document = NULL;
    CLEANUP(manifest_free) struct manifest index = {0};
    CLEANUP(freep) char *label = xasprintf("%s:" INDEX, files->path);
    CLEANUP(annotated_free) struct annotated split = {0};
    struct manifest candidates = {0};
    struct image_choice wanted = request->choice;
    struct digest chosen;
    const struct blob_files blobs = {files, BLOBS, ""};
    CLEANUP(blob_image_search_free)
    struct blob_image_search search = {.blobs = &blobs, .request = request, .image = image};

    /* A REF that is a whole name is compared as one, whichever annotation has it. */
    if (wanted.name == NULL && wanted.tag != NULL && strpbrk(wanted.tag, "/:") != NULL) {
        image_name_split(wanted.tag, &split.name, &split.tag);
        wanted.name = split.name;
        wanted.tag = split.tag;
    }
    TRY(files->read(files->context, INDEX, JSON_SIZE_MAX, &bytes));
    TRY(manifest_parse(label, bytes.data, bytes.length, MANIFEST_OCI_INDEX, &index));
    TRY(document_parse(DOCUMENT_MANIFEST, label, bytes.data, bytes.length, &document));
    if (!index.is_index || index.count == 0)
        return error_new(EXIT_INPUT, "read '%s': it lists no images", label);
    struct error *err = find_candidates(files, document, &index, &wanted, &candidates);

    if (err == NULL)
        err = find_image(&search, &candidates, &chosen);
    free(candidates.items);
    TRY(err);
    set_name(document, &index, &wanted, &chosen, image);
    TRY(blob_image_read_layers(&search));
    *ret = STEAL(image);
    return NULL;
}
