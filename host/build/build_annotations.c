#include "host/build/build_annotations.h"

#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/memory.h"
#include "host/lib/rfc3339.h"

#define PREFIX "org.opencontainers.image."

/* Returns the full name of BASE, with MANIFEST (NULL: it has none) in the place of a tag if that is
 * missing; the caller's. Returns NULL if it has none, or one that is not valid. */
static char *name_of(const struct image *base, const char *manifest)
{
    CLEANUP(error_freep)
    struct error *err = base->name != NULL ? reference_check_name(base->name) : NULL;

    if (base->name == NULL || err != NULL)
        return NULL;
    CLEANUP(freep) char *name = reference_full_name(base->name);

    if (base->tag != NULL)
        return xasprintf("%s:%s", name, base->tag);
    return manifest != NULL ? xasprintf("%s@%s", name, manifest) : STEAL(name);
}

static void add_base(struct json *annotations, const struct image *base)
{
    CLEANUP(freep) char *manifest = NULL;
    struct digest digest;

    if (base->manifest.length > 0) {
        digest_of(base->manifest.data, base->manifest.length, &digest);
        manifest = xasprintf(DIGEST_PREFIX "%s", digest.hex);
        json_set(annotations, PREFIX "base.digest", json_string(manifest));
    }
    CLEANUP(freep) char *name = name_of(base, manifest);

    if (name != NULL)
        json_set(annotations, PREFIX "base.name", json_string(name));
}

struct json *build_annotations(const struct spec *spec, const struct image *base)
{
    CLEANUP(freep) char *created = rfc3339_format(spec->created);
    const struct json *given = spec->annotations;
    struct json *annotations = json_object();

    json_set(annotations, PREFIX "created", json_string(created));
    if (base != NULL)
        add_base(annotations, base);
    for (size_t i = 0; given != NULL && i < given->count; i++)
        if (given->items[i]->type == JSON_NULL)
            json_remove(annotations, given->keys[i]);
        else
            json_set(annotations, given->keys[i], json_copy(given->items[i]));
    json_sort(annotations);
    return annotations;
}
