#include "host/registry/short_name.h"

#include <stdlib.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/memory.h"
#include "host/registry/registries_file.h"

/* Makes REFERENCE that of the name VALUE, HOST/NAME; tag and digest stay. */
static struct error *rename_reference(struct reference *reference, const char *value)
{
    CLEANUP(freep) char *text = xasprintf("docker://%s", value);
    struct reference target = {0};
    struct error *err = reference_parse(text, &target);

    if (err == NULL && (target.short_name != NULL || target.digest.hex[0] != '\0'))
        err = error_new(EXIT_INPUT, "must be HOST/NAME");
    if (err != NULL) {
        reference_free(&target);
        return error_context(err, "read alias '%s' = '%s'", reference->short_name, value);
    }
    free(target.tag);
    target.tag = reference->tag;
    target.digest = reference->digest;
    reference->tag = NULL;
    reference_free(reference);
    *reference = target;
    return NULL;
}

struct error *short_name_alias(struct reference *reference)
{
    CLEANUP(registries_file_free) struct registries_file files = {0};

    if (reference->short_name == NULL)
        return NULL;
    TRY(registries_file_read(&files));
    const char *value = json_get_string(files.aliases, reference->short_name);

    return value != NULL ? rename_reference(reference, value) : NULL;
}

/* Returns the error for a name that has no alias, when SEARCH (or NULL) does not have one
 * registry. */
static struct error *refuse_ambiguous(const char *text, const struct json *search)
{
    CLEANUP(buffer_free) struct buffer hosts = {0};

    for (size_t i = 0; search != NULL && i < search->count; i++)
        buffer_printf(&hosts, "%s%s", i > 0 ? ", " : "", search->items[i]->text);
    if (hosts.length == 0)
        return error_advise(
            error_new(EXIT_USAGE, "read reference '%s': not an image in a registry", text),
            "use docker://HOST/NAME[:TAG|@DIGEST]");
    return error_advise(error_new(EXIT_USAGE,
                                  "read reference '%s': ambiguous, for there are several "
                                  "unqualified-search-registries: %s",
                                  text, hosts.data),
                        "use docker://HOST/%s", text);
}

struct error *short_name_resolve(const char *text, struct reference *ret)
{
    CLEANUP(reference_free) struct reference reference = {0};
    CLEANUP(registries_file_free) struct registries_file files = {0};
    CLEANUP(freep) char *full = xasprintf("docker://%s", text);

    struct error *err = reference_parse(full, &reference);

    if (err != NULL) {
        error_free(err);
        return refuse_ambiguous(text, NULL);
    }
    if (reference.short_name != NULL) {
        TRY(registries_file_read(&files));
        const char *alias = json_get_string(files.aliases, reference.short_name);
        CLEANUP(freep)
        char *found = alias != NULL ? xstrdup(alias)
                      : files.search->count == 1
                          ? xasprintf("%s/%s", files.search->items[0]->text, reference.short_name)
                          : NULL;

        if (found == NULL)
            return refuse_ambiguous(text, files.search);
        TRY(rename_reference(&reference, found));
    }
    *ret = reference;
    reference = (struct reference){0};
    return NULL;
}
