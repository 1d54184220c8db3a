#include <stdlib.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/format/image_source.h"
#include "host/image/image.h"
#include "host/image/image_digests.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/registry/short_name.h"
#include "host/store/store.h"
#include "host/store/store_pruning.h"

/* Reads REF, which must be in a registry, and --digest, which pins it. */
static struct error *read_reference(const struct options *options, struct reference *ret)
{
    const char *text = options->arguments.items[0];
    struct digest pinned = {0};

    TRY(reference_parse(text, ret));
    if (ret->transport == TRANSPORT_PATH) {
        reference_free(ret);
        TRY(short_name_resolve(text, ret));
        progress_note("'%s' is '%s/%s'", text, ret->host, ret->name);
    }
    if (ret->transport != TRANSPORT_DOCKER)
        return error_advise(
            error_new(EXIT_USAGE, "read reference '%s': not an image in a registry", text),
            "use docker://HOST/NAME[:TAG|@DIGEST]");
    if (options->digest == NULL)
        return NULL;
    struct error *err = digest_parse(options->digest, &pinned);

    if (err == NULL && ret->digest.hex[0] != '\0' && !digest_equal(&ret->digest, &pinned))
        err = error_new(EXIT_USAGE, "read option '--digest': reference '%s' has a different digest",
                        text);
    if (err != NULL)
        err->code = EXIT_USAGE;
    ret->digest = pinned;
    return err;
}

static void show_result(const char *path, const struct image *image)
{
    struct digest digest;

    digest_of(image->manifest.data, image->manifest.length, &digest);
    CLEANUP(json_freep) struct json *digests = image_digests(image, &digest);

    progress_written(path, digests);
}

/* A pull in progress. */
struct pull {
    const struct options *options;
    struct reference reference;
    struct store *store;
};

static void pull_free(struct pull *pull)
{
    reference_free(&pull->reference);
    store_free(pull->store);
}

/* store_run: fetches and writes. */
static struct error *pull_all(void *context)
{
    const struct pull *pull = context;
    const struct options *options = pull->options;
    struct output output = {.format = options->format, .compression = options->compression};
    struct image_request request =
        options_image_request(options, output_wants_base(&output), pull->store);
    CLEANUP(image_freep) struct image *image = NULL;

    progress_start("pull");
    TRY(image_open(&pull->reference, &request, &image));
    progress_done();
    CLEANUP(freep) char *path = options_output_path(options, image->name);

    output.path = path;
    progress_start("output");
    TRY(output_write(image, &output, pull->store));
    progress_done();
    show_result(path, image);
    return NULL;
}

struct error *pull_command(const struct options *options)
{
    CLEANUP(pull_free) struct pull pull = {.options = options};
    const struct output output = {
        .format = options->format, .compression = options->compression, .path = options->output};

    TRY(read_reference(options, &pull.reference));
    if (options->output != NULL)
        TRY(output_check(&output));
    TRY(store_open(options->cache_dir, options->no_cache, &pull.store));
    TRY(store_run(pull.store, true, pull_all, &pull));
    store_trim(pull.store);
    return NULL;
}
