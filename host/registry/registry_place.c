#include "host/registry/registry_place.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/registry/manifest_download.h"
#include "host/registry/short_name.h"

struct error *registry_place_resolve(const struct reference *reference, struct reference *ret)
{
    CLEANUP(reference_free) struct reference resolved = {0};
    CLEANUP(freep) char *name = reference_format(reference);

    TRY(reference_parse(name, &resolved));
    if (reference->short_name != NULL)
        resolved.short_name = xstrdup(reference->short_name);
    TRY(short_name_alias(&resolved));
    if (strcmp(resolved.host, reference->host) != 0)
        progress_note("'%s' is an alias for '%s/%s'", reference->short_name, resolved.host,
                      resolved.name);
    *ret = resolved;
    resolved = (struct reference){0};
    return NULL;
}

/* Gets the manifest from PLACE. A mirror is not what the credential of the command line is for. */
static struct error *try_place(const struct registry_endpoint *place,
                               const struct registry_access *access, const char *name,
                               const struct digest *wanted, struct store *store, struct buffer *ret,
                               char **ret_type, struct repository **ret_repository)
{
    CLEANUP(repository_freep) struct repository *repository = NULL;
    const struct repository_options options = {
        .access = access, .insecure = place->insecure, .no_creds = place->is_mirror};

    TRY(repository_open(&place->reference, &options, &repository));
    TRY(manifest_download(repository, name, wanted, store, ret, ret_type));
    *ret_repository = STEAL(repository);
    return NULL;
}

struct error *registry_place_find(const struct registry_endpoints *places,
                                  const struct registry_access *access, const char *name,
                                  const struct digest *wanted, struct store *store,
                                  struct buffer *ret, char **ret_type,
                                  struct repository **ret_repository,
                                  const struct registry_endpoint **ret_place)
{
    CLEANUP(buffer_free) struct buffer failures = {0};

    for (size_t i = 0;; i++) {
        const struct registry_endpoint *place = &places->items[i];
        struct error *err =
            try_place(place, access, name, wanted, store, ret, ret_type, ret_repository);

        if (err == NULL)
            *ret_place = place;
        if (err == NULL || err->code == EXIT_TIMEOUT)
            return err;
        if (i + 1 == places->count)
            return error_detail(err, failures.data != NULL ? failures.data : "");
        progress_detail("mirror '%s': %s", place->reference.host, err->message);
        buffer_printf(&failures, "mirror '%s': %s\n", place->reference.host, err->message);
        error_free(err);
    }
}
