#include "host/command/build_targets.h"

#include <stdlib.h>
#include <string.h>

#include "host/build/build_result.h"
#include "host/build/built_image.h"
#include "host/command/output_target.h"
#include "host/command/push_targets.h"
#include "host/format/oci_writer.h"
#include "host/image/image.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static bool is_remote(const struct output *output)
{
    return output_format_row(output->format)->is_remote;
}

/* Adds the output that TEXT names. */
static struct error *add_target(const struct options *options, const char *text,
                                struct build_targets *targets)
{
    struct reference *reference = &targets->references[targets->count];
    struct error *err = reference_parse(text, reference);

    if (err != NULL)
        err->code = EXIT_USAGE;
    TRY(error_context(err, "read option '--output'"));
    struct output *output = &targets->outputs[targets->count++];

    if (reference->position > 0)
        return error_new(EXIT_USAGE, "read option '--output': '%s' must not have a number", text);
    *output = output_target(reference, text, options->format);
    if (is_remote(output))
        output->name = output->tag = NULL;
    return output_target_compression(options, output->format, output->path, &output->compression);
}

/* Sets RET, which has room for all, to borrowed copies of the references to registries. Returns how
 * many there are. */
static size_t list_remote(const struct build_targets *targets, struct reference *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < targets->count; i++)
        if (is_remote(&targets->outputs[i]))
            ret[count++] = targets->references[i];
    return count;
}

/* Refuses two outputs of which one would replace the other, and a credential for two registries. */
static struct error *check_all(const struct options *options, const struct build_targets *targets)
{
    CLEANUP(freep) struct reference *remote = xcalloc(targets->count, sizeof *remote);
    const struct registry_access access = options_registry(options);

    for (size_t i = 0; i < targets->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(targets->outputs[i].path, targets->outputs[j].path) == 0 &&
                !(targets->outputs[i].is_added && targets->outputs[j].is_added))
                return error_new(EXIT_USAGE, "read option '--output': '%s' is given twice",
                                 targets->outputs[i].path);
    return push_targets_check(remote, list_remote(targets, remote), &access);
}

struct error *build_targets_read(const struct options *options, const char *name,
                                 struct build_targets *ret)
{
    const struct strings *given = &options->outputs;
    size_t count = given->count > 0 ? given->count : 1;

    ret->outputs = xcalloc(count, sizeof *ret->outputs);
    ret->references = xcalloc(count, sizeof *ret->references);
    for (size_t i = 0; i < given->count; i++)
        TRY(add_target(options, given->items[i], ret));
    if (given->count > 0)
        return check_all(options, ret);
    ret->own_path = options_output_path(options, name);
    ret->outputs[ret->count++] = (struct output){
        .format = options->format, .compression = options->compression, .path = ret->own_path};
    return NULL;
}

bool build_targets_are_remote(const struct build_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        if (is_remote(&targets->outputs[i]))
            return true;
    return false;
}

bool build_targets_have(const struct build_targets *targets, const char *path)
{
    for (size_t i = 0; i < targets->count; i++)
        if (!is_remote(&targets->outputs[i]) && strcmp(targets->outputs[i].path, path) == 0)
            return true;
    return false;
}

struct error *build_targets_push_bundle(const struct build_targets *targets,
                                        const struct options *options, struct store *store,
                                        const struct image_bundle *bundle)
{
    CLEANUP(freep) struct reference *remote = xcalloc(targets->count, sizeof *remote);
    const struct push_content content = {.bundle = bundle};
    const struct registry_access access = options_registry(options);
    size_t count = list_remote(targets, remote);
    struct digest digest;

    return count == 0 ? NULL : push_targets_send(&content, remote, count, &access, store, &digest);
}

/* Returns the compression of what is in registries. */
static enum compression compression_of(const struct build_targets *targets)
{
    size_t i = 0;

    while (!is_remote(&targets->outputs[i]))
        i++;
    return targets->outputs[i].compression;
}

/* A push of what was built. */
struct push {
    const struct build_targets *targets;
    const struct options *options;
    struct store *store;
    struct json *result;
};

/* Sets the manifests of those of TARGETS that are in registries to the root of BUNDLE. */
static void set_manifests(const struct build_targets *targets, const struct image_bundle *bundle,
                          struct json *result)
{
    const struct bundle_manifest *root = image_bundle_root(bundle);
    const struct output_manifest manifest = {.digest = root->digest, .size = root->bytes.length};

    for (size_t i = 0; i < targets->count; i++)
        if (is_remote(&targets->outputs[i]))
            build_result_set_manifest(result, i, &manifest);
}

/* store_run: pushes. */
static struct error *push(void *context)
{
    const struct push *push = context;
    CLEANUP(image_bundle_free) struct image_bundle bundle = {0};
    CLEANUP(image_freep) struct image *image = NULL;

    TRY(built_image_get(push->result, push->store, &image));
    TRY(oci_writer_bundle(image, compression_of(push->targets), push->store, &bundle, NULL));
    TRY(build_targets_push_bundle(push->targets, push->options, push->store, &bundle));
    set_manifests(push->targets, &bundle, push->result);
    return NULL;
}

struct error *build_targets_push(const struct build_targets *targets, const struct options *options,
                                 struct store *store, struct json *result)
{
    struct push context = {targets, options, store, result};

    return build_targets_are_remote(targets) ? store_run(store, true, push, &context) : NULL;
}

void build_targets_free(struct build_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        reference_free(&targets->references[i]);
    free(targets->references);
    free(targets->outputs);
    free(targets->own_path);
    *targets = (struct build_targets){0};
}
