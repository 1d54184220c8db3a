#include "host/registry/registry_bundle.h"

#include <stdlib.h>

#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/parallel.h"
#include "host/registry/blob_download.h"
#include "host/registry/blob_upload.h"
#include "host/registry/cross_mount.h"
#include "host/registry/manifest_download.h"
#include "host/registry/manifest_upload.h"
#include "host/registry/registries_conf.h"
#include "host/registry/registry_place.h"
#include "host/registry/registry_pull.h"
#include "host/registry/repository.h"

/* A pull in progress. */
struct pull {
    struct store *store;
    struct registry_endpoints places;
    const struct registry_endpoint *place; /* the one that has the root */
    struct repository *repository;         /* there */
    struct image_bundle *bundle;
    struct blob_downloads downloads;
};

/* A push in progress. */
struct push {
    const struct image_bundle *bundle;
    struct blob_uploads uploads;
    struct blob_source *sources;
    struct strings owned; /* what the sources borrow */
};

/* bundle_source's read. */
static struct error *read_manifest(void *context, const struct descriptor *descriptor,
                                   struct buffer *ret)
{
    struct pull *pull = context;
    CLEANUP(freep) char *name = xasprintf(DIGEST_PREFIX "%s", descriptor->digest.hex);
    CLEANUP(freep) char *path = store_find(pull->store, STORE_BLOB, descriptor->digest.hex);
    CLEANUP(freep) char *type = NULL;

    if (path != NULL)
        return file_read(path, "manifest", MANIFEST_SIZE_MAX, EXIT_INPUT, ret);
    return error_context(
        manifest_download(pull->repository, name, &descriptor->digest, pull->store, ret, &type),
        "get manifest '%s'", name);
}

/* Work of parallel_run: one blob. */
static struct error *get_blob(void *context, size_t index, const atomic_bool *stopped)
{
    struct pull *pull = context;
    struct bundle_blob *blob = &pull->bundle->blobs[index];
    const struct descriptor descriptor = {.digest = blob->digest, .size = blob->size};

    TRY(blob_download(&pull->downloads, &descriptor, stopped, &blob->path));
    cross_mount_add(pull->store, &blob->digest, &pull->place->reference);
    return NULL;
}

/* Gets the root from the first of the places that has it. */
static struct error *get_root(struct pull *pull, const struct reference *reference,
                              const struct registry_access *access, struct buffer *ret,
                              char **ret_type)
{
    CLEANUP(freep)
    char *name = *reference->digest.hex != '\0'
                     ? xasprintf(DIGEST_PREFIX "%s", reference->digest.hex)
                     : xstrdup(reference->tag != NULL ? reference->tag : "latest");

    TRY(registries_conf_pull(reference, access, &pull->places));
    return error_context(registry_place_find(&pull->places, access, name, &reference->digest,
                                             pull->store, ret, ret_type, &pull->repository,
                                             &pull->place),
                         "get manifest '%s'", name);
}

static struct error *pull_all(struct pull *pull, const struct reference *reference,
                              const struct image_request *request, bool root_only)
{
    const struct bundle_source source = {pull, read_manifest};
    CLEANUP(reference_free) struct reference resolved = {0};
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(freep) char *type = NULL;
    struct image_bundle *bundle = pull->bundle;

    TRY(registry_place_resolve(reference, &resolved));
    TRY(get_root(pull, &resolved, &request->registry, &bytes, &type));
    bundle->name = registry_familiar_name(&resolved);
    bundle->tag = resolved.tag != NULL ? xstrdup(resolved.tag) : NULL;
    if (root_only)
        return image_bundle_add("root", type, &bytes, bundle);
    TRY(image_bundle_walk(&source, "root", type, &bytes, bundle));
    pull->downloads.repository = pull->repository;
    pull->downloads.store = pull->store;
    for (size_t i = 0; i < bundle->blob_count; i++)
        pull->downloads.total += bundle->blobs[i].size;
    return parallel_run(bundle->blob_count, REGISTRY_TRANSFERS, get_blob, pull);
}

struct error *registry_pull_bundle(const struct reference *reference,
                                   const struct image_request *request, bool root_only,
                                   struct image_bundle *ret)
{
    struct pull pull = {.store = request->store, .bundle = ret};
    struct error *err = pull_all(&pull, reference, request, root_only);

    repository_free(pull.repository);
    registry_endpoints_free(&pull.places);
    if (err == NULL)
        return NULL;
    CLEANUP(freep) char *name = reference_format(reference);

    return error_context(err, "pull '%s'", name);
}

/* Work of parallel_run: one blob. */
static struct error *put_blob(void *context, size_t index, const atomic_bool *stopped)
{
    struct push *push = context;

    return blob_upload(&push->uploads, &push->sources[index], stopped);
}

static struct error *put_manifests(struct push *push, const struct reference *references,
                                   size_t count)
{
    const struct image_bundle *bundle = push->bundle;
    const struct bundle_manifest *root = image_bundle_root(bundle);
    struct digest digest;

    for (size_t i = 0; i + 1 < bundle->manifest_count; i++)
        TRY(manifest_upload(push->uploads.repository, NULL, bundle->manifests[i].type,
                            &bundle->manifests[i].bytes, &digest));
    for (size_t i = 0; i < count; i++) {
        bool has_digest = *references[i].digest.hex != '\0';
        const char *tag = references[i].tag != NULL || has_digest ? references[i].tag : "latest";

        if (has_digest && !digest_equal(&references[i].digest, &root->digest))
            return error_new(EXIT_INPUT, "the image's manifest has digest " DIGEST_PREFIX "%s",
                             root->digest.hex);
        TRY(manifest_upload(push->uploads.repository, tag, root->type, &root->bytes, &digest));
    }
    return NULL;
}

/* Fills in what is sent, and where each blob could be mounted from, in a limited number of
 * repositories: each takes a token. */
static void fill_sources(struct push *push, const struct reference *references, struct store *store)
{
    const struct image_bundle *bundle = push->bundle;
    CLEANUP(strings_free) struct strings mounts = {0};

    for (size_t i = 0; i < bundle->blob_count; i++) {
        const struct bundle_blob *blob = &bundle->blobs[i];
        char *from = cross_mount_find(store, &blob->digest, references);

        push->sources[i] = (struct blob_source){
            .path = blob->path, .bytes = blob->bytes, .size = blob->size, .digest = blob->digest};
        push->uploads.total += blob->size;
        if (from == NULL)
            continue;
        strings_take(&push->owned, from);
        if (!strings_contain(&mounts, from)) {
            if (mounts.count == CROSS_MOUNT_SOURCES_MAX)
                continue;
            strings_add(&mounts, from);
        }
        push->sources[i].mount_source = from;
    }
}

static struct error *push_all(struct push *push, const struct reference *references, size_t count,
                              const struct registry_access *access, struct store *store)
{
    const struct image_bundle *bundle = push->bundle;
    const struct repository_options options = {.access = access, .push = true};

    fill_sources(push, references, store);
    push->uploads.store = store;
    TRY(repository_open(references, &options, &push->uploads.repository));
    TRY(parallel_run(bundle->blob_count, REGISTRY_TRANSFERS, put_blob, push));
    TRY(put_manifests(push, references, count));
    for (size_t i = 0; i < bundle->blob_count; i++)
        cross_mount_add(store, &bundle->blobs[i].digest, references);
    return NULL;
}

struct error *registry_push_bundle(const struct image_bundle *bundle,
                                   const struct reference *references, size_t count,
                                   const struct registry_access *access, struct store *store)
{
    CLEANUP(freep)
    struct blob_source *sources = xcalloc(bundle->blob_count, sizeof *sources);
    struct push push = {.bundle = bundle, .sources = sources};
    struct error *err = push_all(&push, references, count, access, store);

    repository_free(push.uploads.repository);
    strings_free(&push.owned);
    if (err == NULL)
        return NULL;
    CLEANUP(freep) char *name = reference_format(references);

    return error_context(err, "push '%s'", name);
}
