#include "host/format/cache_place.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define TRANSPORT "docker://"
#define TAG_LENGTH_MAX 128 /* of the distribution specification */
#define PREFIX_LENGTH_MAX (TAG_LENGTH_MAX - DIGEST_HEX_LENGTH)

/* BuildKit's attributes beside "ref", and the values that describe what is done here anyway. */
static const struct attribute {
    const char *name;
    const char *values[3];
} attributes[] = {
    {"type", {"registry"}},       {"mode", {"min", "max"}},   {"image-manifest", {"true"}},
    {"oci-mediatypes", {"true"}}, {"ignore-error", {"true"}},
};

static struct error *check_attribute(const char *field)
{
    size_t length = strcspn(field, "=");

    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        const struct attribute *attribute = &attributes[i];

        if (strlen(attribute->name) != length || strncmp(attribute->name, field, length) != 0)
            continue;
        for (const char *const *value = attribute->values; field[length] == '=' && *value != NULL;
             value++)
            if (strcmp(*value, field + length + 1) == 0)
                return NULL;
        return error_new(EXIT_USAGE, "'%s' must be '%s=%s'", field, attribute->name,
                         attribute->values[0]);
    }
    return error_new(EXIT_USAGE,
                     "'%s' must be one of type=registry, ref=HOST/NAME, mode=max, "
                     "image-manifest=true, oci-mediatypes=true, ignore-error=true",
                     field);
}

/* Finds the reference in TEXT; *RET is the caller's. */
static struct error *find_reference(const char *text, char **ret)
{
    CLEANUP(freep) char *fields = xstrdup(text);
    CLEANUP(freep) char *found = NULL;
    char *rest = fields;

    if (strchr(text, '=') == NULL) {
        *ret = xstrdup(text);
        return NULL;
    }
    for (char *field = strsep(&rest, ","); field != NULL; field = strsep(&rest, ",")) {
        if (strncmp(field, "ref=", 4) != 0) {
            TRY(check_attribute(field));
            continue;
        }
        free(found);
        found = xstrdup(field + 4);
    }
    if (found == NULL)
        return error_new(EXIT_USAGE, "'%s' lacks ref=HOST/NAME", text);
    *ret = STEAL(found);
    return NULL;
}

/* Refuses what names an image elsewhere. */
static struct error *check_transport(const char *name)
{
    CLEANUP(reference_free) struct reference reference = {0};
    CLEANUP(error_freep) struct error *err = reference_parse(name, &reference);

    return err == NULL && reference.transport != TRANSPORT_PATH
               ? error_new(EXIT_USAGE, "'%s' must be a repository of a registry, HOST/NAME", name)
               : NULL;
}

/* Returns the tag at the end of NAME, borrowed; NULL if it has none. */
static const char *tag_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *colon = strchr(slash != NULL ? slash : name, ':');

    return colon != NULL ? colon + 1 : NULL;
}

static struct error *parse(const char *text, struct cache_place *place)
{
    CLEANUP(freep) char *written = NULL;

    TRY(find_reference(text, &written));
    bool has_transport = strncmp(written, TRANSPORT, strlen(TRANSPORT)) == 0;

    place->name = xstrdup(has_transport ? written + strlen(TRANSPORT) : written);
    TRY(check_transport(place->name));
    CLEANUP(freep) char *reference = xasprintf(TRANSPORT "%s", place->name);
    struct error *err = reference_parse(reference, &place->reference);

    if (err != NULL)
        err->code = EXIT_USAGE;
    TRY(err);
    if (place->reference.digest.hex[0] != '\0')
        return error_new(EXIT_USAGE, "'%s' must not have a digest", place->name);
    freep(&place->reference.short_name); /* it has no alias: both options mean the same */
    place->reference.short_name = NULL;
    const char *tag = tag_of(place->name);

    place->prefix = tag != NULL ? xasprintf("%s-", tag) : xstrdup("");
    if (strlen(place->prefix) > PREFIX_LENGTH_MAX)
        return error_new(EXIT_USAGE, "the tag of '%s' must not be longer than %d characters",
                         place->name, PREFIX_LENGTH_MAX - 1);
    return NULL;
}

struct error *cache_places_add(struct cache_places *places, const char *text)
{
    places->items = xreallocarray(places->items, places->count + 1, sizeof *places->items);
    struct cache_place *place = &places->items[places->count++];
    void *shared = mmap(NULL, sizeof *place->is_out, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    *place = (struct cache_place){0};
    if (shared == MAP_FAILED)
        return error_errno(EXIT_OTHER, "allocate memory for '%s'", text);
    place->is_out = shared;
    return parse(text, place);
}

void cache_places_free(struct cache_places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        struct cache_place *place = &places->items[i];

        if (place->is_out != NULL)
            munmap(place->is_out, sizeof *place->is_out);
        reference_free(&place->reference);
        free(place->prefix);
        free(place->name);
    }
    free(places->items);
    *places = (struct cache_places){0};
}

char *cache_place_tag(const struct cache_place *place, const struct digest *key)
{
    return xasprintf("%s%s", place->prefix, key->hex);
}
