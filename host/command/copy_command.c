#include <stdlib.h>
#include <string.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/command/output_target.h"
#include "host/command/push_targets.h"
#include "host/format/image_source.h"
#include "host/image/image.h"
#include "host/image/image_bundle.h"
#include "host/image/image_digests.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/store/store.h"
#include "host/store/store_pruning.h"

/* A copy in progress. */
struct copy {
    const struct options *options;
    struct reference source;
    struct reference *files; /* targets that are files or directories */
    size_t file_count;
    struct output_manifest *manifests; /* of the files, as they were written */
    struct reference *registries;      /* targets in registries */
    size_t registry_count;
    unsigned int forms; /* of the layers that the targets need */
    struct store *store;
    struct image *image; /* NULL with --all, if the source can have more than one */
    struct image_bundle bundle;
};

static void copy_free(struct copy *copy)
{
    reference_free(&copy->source);
    for (size_t i = 0; i < copy->file_count; i++)
        reference_free(&copy->files[i]);
    for (size_t i = 0; i < copy->registry_count; i++)
        reference_free(&copy->registries[i]);
    free(copy->files);
    free(copy->manifests);
    free(copy->registries);
    image_free(copy->image);
    image_bundle_free(&copy->bundle);
    store_free(copy->store);
}

/* The output that TARGET, a file or a directory, stands for. */
static struct output output_of(const struct reference *target)
{
    struct output output = output_target(target, NULL, FORMAT_DOCKER_ARCHIVE);

    output.is_added = true;
    return output;
}

static struct error *check_target(const char *text, const struct reference *target)
{
    const struct output output = output_of(target);
    enum compression named;

    if (target->position > 0)
        return error_new(EXIT_USAGE, "read target '%s': a target must not have a number", text);
    if (output.format == FORMAT_OCI_ARCHIVE && output_named_compression(output.path, &named) &&
        named != COMPRESSION_NONE)
        return error_advise(
            error_new(EXIT_USAGE,
                      "read target '%s': that is the name of a compressed file, but in an "
                      "oci-archive only the layers are compressed",
                      text),
            "choose a name that ends in '.tar'");
    return output_check(&output);
}

/* Reads all arguments after the first. */
static struct error *read_targets(struct copy *copy)
{
    const struct strings *arguments = &copy->options->arguments;

    copy->files = xcalloc(arguments->count, sizeof *copy->files);
    copy->manifests = xcalloc(arguments->count, sizeof *copy->manifests);
    copy->registries = xcalloc(arguments->count, sizeof *copy->registries);
    for (size_t i = 1; i < arguments->count; i++) {
        struct reference target = {0};

        TRY(reference_parse(arguments->items[i], &target));
        if (target.transport == TRANSPORT_DOCKER) {
            copy->registries[copy->registry_count++] = target;
            copy->forms |= LAYER_BLOB;
            continue;
        }
        copy->files[copy->file_count++] = target;
        TRY(check_target(arguments->items[i], &target));
        const struct output output = output_of(&target);

        copy->forms |= output_wants_base(&output);
    }
    return NULL;
}

/* Reads the source: with --all everything that it has, if it is of a kind that has more than one
 * image. */
static struct error *read_source(struct copy *copy)
{
    struct image_request request = options_image_request(copy->options, copy->forms, copy->store);

    if (copy->registry_count > 0)
        request.registry.user = NULL; /* --creds is for the targets */
    if (copy->options->all)
        TRY(image_open_bundle(&copy->source, &request, false, &copy->bundle));
    if (copy->bundle.manifest_count == 0)
        TRY(image_open(&copy->source, &request, &copy->image));
    return NULL;
}

static struct error *write_file(struct copy *copy, size_t index)
{
    struct output output = output_of(&copy->files[index]);

    output.ret_manifest = &copy->manifests[index];
    return copy->image != NULL ? output_write(copy->image, &output, copy->store)
                               : output_write_bundle(&copy->bundle, &output, copy->store);
}

/* Shows what was written, with its digests. */
static void show_file(const struct copy *copy, size_t index)
{
    CLEANUP(json_freep)
    struct json *digests = image_digests(copy->image, &copy->manifests[index].digest);

    progress_written(copy->files[index].path, digests);
}

static struct error *write_targets(struct copy *copy)
{
    const struct push_content content = {.image = copy->image, .bundle = &copy->bundle};
    const struct registry_access access = options_registry(copy->options);

    if (copy->file_count > 0)
        progress_start("output");
    for (size_t i = 0; i < copy->file_count; i++)
        TRY(write_file(copy, i));
    progress_done();
    for (size_t i = 0; i < copy->file_count; i++)
        show_file(copy, i);
    if (copy->registry_count == 0)
        return NULL;
    return push_targets(&content, copy->registries, copy->registry_count, &access, copy->store);
}

/* store_run: reads and writes. */
static struct error *copy_all(void *context)
{
    struct copy *copy = context;

    progress_start("read");
    TRY(read_source(copy));
    progress_done();
    return write_targets(copy);
}

struct error *copy_command(const struct options *options)
{
    CLEANUP(copy_free) struct copy copy = {.options = options};
    const struct registry_access access = options_registry(options);

    TRY(reference_parse(options->arguments.items[0], &copy.source));
    TRY(read_targets(&copy));
    TRY(push_targets_check(copy.registries, copy.registry_count, &access));
    TRY(store_open(options->cache_dir, options->no_cache, &copy.store));
    /* Standard input can be read only once. */
    TRY(store_run(copy.store, !reference_is_stdin(&copy.source), copy_all, &copy));
    store_trim(copy.store);
    return NULL;
}
