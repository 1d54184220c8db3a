#include "host/command/cache_options.h"

#include <string.h>

#include "host/image/reference.h"
#include "host/lib/cleanup.h"

static struct error *add_all(const char *option, const struct strings *texts,
                             struct cache_places *places)
{
    for (size_t i = 0; i < texts->count; i++)
        TRY(error_context(cache_places_add(places, texts->items[i]), "read option '--%s'", option));
    return NULL;
}

/* Whether all of PLACES are in the registry HOST. */
static bool all_in(const struct cache_places *places, const char *host)
{
    for (size_t i = 0; i < places->count; i++)
        if (strcmp(places->items[i].reference.host, host) != 0)
            return false;
    return true;
}

/* Whether IMAGE, which may have no name, comes from another registry than HOST. */
static bool is_elsewhere(const struct spec_image *image, const char *host)
{
    CLEANUP(reference_free) struct reference reference = {0};

    if (image->name == NULL || image->is_built)
        return false;
    CLEANUP(error_freep) struct error *err = reference_parse(image->name, &reference);

    return err == NULL && reference.transport == TRANSPORT_DOCKER &&
           strcmp(reference.host, host) != 0;
}

/* Whether an image of GRAPH is made of one in another registry than HOST. */
static bool needs_other(const struct spec_graph *graph, const char *host)
{
    for (size_t i = 0; i < graph->count; i++) {
        const struct spec *spec = graph->nodes[i]->spec;

        if (!graph->nodes[i]->is_needed)
            continue;
        if (is_elsewhere(&spec->from_image, host))
            return true;
        for (size_t j = 0; j < spec->contents.count; j++)
            if (is_elsewhere(&spec->contents.items[j].image, host))
                return true;
    }
    return false;
}

/* Whether an output of OPTIONS is in another registry than HOST. */
static bool writes_to_other(const struct options *options, const char *host)
{
    for (size_t i = 0; i < options->outputs.count; i++) {
        CLEANUP(reference_free) struct reference reference = {0};
        CLEANUP(error_freep)
        struct error *err = reference_parse(options->outputs.items[i], &reference);

        if (err == NULL && reference.host != NULL && strcmp(reference.host, host) != 0)
            return true;
    }
    return false;
}

/* Whether the credential of the command line can be for the caches. */
static bool are_creds_for(const struct options *options, const struct cache_options *caches,
                          const struct spec_graph *graph)
{
    const struct cache_places *some = caches->to.count > 0 ? &caches->to : &caches->from;

    if (some->count == 0)
        return false;
    const char *host = some->items[0].reference.host;

    return all_in(&caches->from, host) && all_in(&caches->to, host) && !needs_other(graph, host) &&
           !writes_to_other(options, host);
}

struct error *cache_options_read(const struct options *options, const struct spec_graph *graph,
                                 struct cache_options *ret)
{
    TRY(add_all("cache-from", &options->cache_from, &ret->from));
    TRY(add_all("cache-to", &options->cache_to, &ret->to));
    ret->access = options_registry(options);
    if (!are_creds_for(options, ret, graph))
        ret->access.user = ret->access.password = NULL;
    return NULL;
}

void cache_options_free(struct cache_options *caches)
{
    cache_places_free(&caches->from);
    cache_places_free(&caches->to);
    *caches = (struct cache_options){0};
}

struct error *cache_options_start(const struct cache_options *caches, struct store *store,
                                  struct shared_cache **ret)
{
    const struct shared_cache_options options = {
        .from = &caches->from, .to = &caches->to, .access = &caches->access, .store = store};

    return shared_cache_start(&options, ret);
}
