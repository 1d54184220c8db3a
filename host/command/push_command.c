#include <stdlib.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/command/push_targets.h"
#include "host/format/image_source.h"
#include "host/image/image.h"
#include "host/image/image_bundle.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/store/store.h"

/* The references to push to. */
struct targets {
    struct reference *items;
    size_t count;
};

static void targets_free(struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        reference_free(&targets->items[i]);
    free(targets->items);
}

/* Reads all arguments after the first. */
static struct error *read_targets(const struct strings *arguments, struct targets *ret)
{
    ret->items = xcalloc(arguments->count, sizeof *ret->items);
    for (size_t i = 1; i < arguments->count; i++) {
        const char *text = arguments->items[i];

        TRY(reference_parse(text, &ret->items[ret->count]));
        if (ret->items[ret->count++].transport != TRANSPORT_DOCKER)
            return error_advise(
                error_new(EXIT_USAGE, "read reference '%s': not an image in a registry", text),
                "use docker://HOST/NAME[:TAG]");
    }
    return NULL;
}

/* A push in progress. */
struct push {
    const struct options *options;
    struct reference source;
    struct targets targets;
    struct store *store;
    struct image *image; /* NULL with --all, if the source can have more than one */
    struct image_bundle bundle;
};

static void push_free(struct push *push)
{
    reference_free(&push->source);
    targets_free(&push->targets);
    image_free(push->image);
    image_bundle_free(&push->bundle);
    store_free(push->store);
}

/* store_run: reads and sends. */
static struct error *push_all(void *context)
{
    struct push *push = context;
    struct image_request request = options_image_request(push->options, LAYER_BLOB, push->store);
    const struct registry_access access = request.registry;

    request.registry.user = NULL; /* --creds is for the targets */
    progress_start("read");
    if (push->options->all)
        TRY(image_open_bundle(&push->source, &request, false, &push->bundle));
    if (push->bundle.manifest_count == 0)
        TRY(image_open(&push->source, &request, &push->image));
    progress_done();
    const struct push_content content = {.image = push->image, .bundle = &push->bundle};

    return push_targets(&content, push->targets.items, push->targets.count, &access, push->store);
}

struct error *push_command(const struct options *options)
{
    CLEANUP(push_free) struct push push = {.options = options};
    const struct registry_access access = options_registry(options);

    TRY(reference_parse(options->arguments.items[0], &push.source));
    TRY(read_targets(&options->arguments, &push.targets));
    TRY(push_targets_check(push.targets.items, push.targets.count, &access));
    TRY(store_open(options->cache_dir, options->no_cache, &push.store));
    /* Standard input can be read only once. */
    return store_run(push.store, !reference_is_stdin(&push.source), push_all, &push);
}
