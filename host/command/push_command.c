#include <stdlib.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/format/image_source.h"
#include "host/image/image.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/registry_push.h"
#include "host/store/store.h"

static void show_result(const struct reference *target, const struct digest *digest)
{
    CLEANUP(json_freep) struct json *result = json_object();
    CLEANUP(freep) char *name = reference_format(target);
    CLEANUP(freep) char *text = xasprintf(DIGEST_PREFIX "%s", digest->hex);
    CLEANUP(freep) char *line = xasprintf("%s %s", name, text);

    json_set(result, "reference", json_string(name));
    json_set(result, "digest", json_string(text));
    progress_result(line, result);
}

struct error *push_command(const struct options *options)
{
    CLEANUP(reference_free) struct reference source = {0};
    CLEANUP(reference_free) struct reference target = {0};
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(image_freep) struct image *image = NULL;
    struct digest digest;

    TRY(reference_parse(options->arguments.items[0], &source));
    TRY(reference_parse(options->arguments.items[1], &target));
    if (target.transport != TRANSPORT_DOCKER)
        return error_advise(error_new(EXIT_USAGE, "read reference '%s': not an image in a registry",
                                      options->arguments.items[1]),
                            "use docker://HOST/NAME[:TAG]");
    TRY(store_open(options->cache_dir, options->no_cache, &store));
    struct image_request request = options_image_request(options, LAYER_BLOB, store);
    const struct registry_access access = request.registry;

    request.registry.user = NULL; /* --creds is for the target */
    progress_start("read");
    TRY(image_open(&source, &request, &image));
    progress_done();
    progress_start("push");
    TRY(registry_push(image, &target, 1, &access, store, &digest));
    progress_done();
    show_result(&target, &digest);
    return NULL;
}
