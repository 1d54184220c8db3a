#include "host/registry/registries_conf.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/memory.h"
#include "host/registry/registries_file.h"

/* Returns how much of IMAGE, HOST/NAME[:TAG][@DIGEST], the prefix covers; 0 if it does not
 * match. */
static size_t match(const char *image, const char *prefix)
{
    size_t length = strlen(prefix);

    if (strncmp(prefix, "*.", 2) == 0) {
        const char *suffix = prefix + 1;
        size_t host = strcspn(image, "/"), tail = strlen(suffix);
        const char *colon = memchr(image, ':', host);
        size_t name = colon != NULL && strchr(suffix, ':') == NULL ? (size_t)(colon - image) : host;

        return name > tail && strncmp(image + name - tail, suffix, tail) == 0 ? host : 0;
    }
    if (strncmp(image, prefix, length) != 0)
        return 0;
    /* A colon ends a name, but a host goes on with its port. */
    bool ends = image[length] == '\0' || image[length] == '/' || image[length] == '@' ||
                (image[length] == ':' && strchr(prefix, '/') != NULL);

    return ends ? length : 0;
}

/* Returns the [[registry]] with the longest prefix that covers IMAGE, borrowed, and how much it
 * covers; NULL if there is none. */
static const struct json *find_registry(const struct registries_file *files, const char *image,
                                        const char **ret_prefix, size_t *ret_covered)
{
    const struct json *registries = files->registries, *found = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < registries->count; i++) {
        size_t covered = match(image, registries->keys[i]), length = strlen(registries->keys[i]);

        if (covered == 0 || length <= longest)
            continue;
        longest = length;
        found = registries->items[i];
        *ret_prefix = registries->keys[i];
        *ret_covered = covered;
    }
    return found;
}

/* Returns REFERENCE as HOST/NAME[:TAG][@DIGEST], the caller's. */
static char *image_text(const struct reference *reference)
{
    CLEANUP(freep) char *text = reference_format(reference);

    return xstrdup(text + strlen("docker://"));
}

/* Appends the endpoint TEXT, HOST/NAME[:TAG][@DIGEST]. */
static struct error *add_endpoint(struct registry_endpoints *endpoints, const char *text,
                                  bool insecure, bool is_mirror)
{
    CLEANUP(freep) char *full = xasprintf("docker://%s", text);
    struct reference reference = {0};

    TRY(reference_parse(full, &reference));
    if (reference.short_name != NULL) {
        reference_free(&reference);
        return error_new(EXIT_INPUT, "read location '%s': must begin with a host", text);
    }
    endpoints->items =
        xreallocarray(endpoints->items, endpoints->count + 1, sizeof *endpoints->items);
    endpoints->items[endpoints->count++] =
        (struct registry_endpoint){reference, insecure, is_mirror};
    return NULL;
}

/* Returns whether MIRROR of REGISTRY is for an image that is named by digest or, if not BY_DIGEST,
 * by tag. */
static bool mirror_applies(const struct json *registry, const struct json *mirror, bool by_digest)
{
    const char *mode = json_get_string(mirror, "pull-from-mirror");

    if (registries_file_flag(registry, "mirror-by-digest-only"))
        return by_digest;
    if (mode == NULL || *mode == '\0' || strcmp(mode, "all") == 0)
        return true;
    return by_digest == (strcmp(mode, "digest-only") == 0);
}

/* Adds the endpoints of REGISTRY for the image whose name goes on with REST behind the prefix. */
static struct error *add_places(const struct json *registry, const char *image, const char *rest,
                                bool by_digest, struct registry_endpoints *ret)
{
    const struct json *mirrors = json_get(registry, "mirror");
    const char *location = json_get_string(registry, "location");
    bool insecure = registries_file_flag(registry, "insecure");

    for (size_t i = 0; mirrors != NULL && i < mirrors->count; i++) {
        const struct json *mirror = mirrors->items[i];
        CLEANUP(freep) char *start = registries_file_location(json_get_string(mirror, "location"));
        CLEANUP(freep) char *text = xasprintf("%s%s", start, rest);

        if (mirror_applies(registry, mirror, by_digest))
            TRY(add_endpoint(ret, text, registries_file_flag(mirror, "insecure"), true));
    }
    if (location == NULL || *location == '\0')
        return add_endpoint(ret, image, insecure, false);
    CLEANUP(freep) char *start = registries_file_location(location);
    CLEANUP(freep) char *text = xasprintf("%s%s", start, rest);

    return add_endpoint(ret, text, insecure, false);
}

static struct error *find_places(const struct registries_file *files,
                                 const struct reference *reference, bool push,
                                 struct registry_endpoints *ret)
{
    CLEANUP(freep) char *image = image_text(reference);
    const char *prefix = NULL;
    size_t covered = 0;
    const struct json *registry = find_registry(files, image, &prefix, &covered);

    if (registry == NULL)
        return add_endpoint(ret, image, false, false);
    if (registries_file_flag(registry, "blocked"))
        return error_new(EXIT_NETWORK, "registry '%s' is blocked in '%s'", prefix,
                         json_get_string(files->origins, prefix));
    if (push)
        return add_endpoint(ret, image, registries_file_flag(registry, "insecure"), false);
    return error_context(
        add_places(registry, image, image + covered, reference->digest.hex[0] != '\0', ret),
        "read registries '%s'", json_get_string(files->origins, prefix));
}

static struct error *resolve(const struct reference *reference,
                             const struct registry_access *access, bool push,
                             struct registry_endpoints *ret)
{
    CLEANUP(registries_file_free) struct registries_file files = {0};
    struct registry_endpoints found = {0};
    struct error *err = registries_file_read(&files);

    if (err == NULL)
        err = find_places(&files, reference, push, &found);
    if (err != NULL) {
        registry_endpoints_free(&found);
        return err;
    }
    for (size_t i = 0; i < found.count && access->trust != REGISTRY_TRUST_CONFIGURED; i++)
        found.items[i].insecure = access->trust == REGISTRY_TRUST_ANYONE;
    *ret = found;
    return NULL;
}

struct error *registries_conf_pull(const struct reference *reference,
                                   const struct registry_access *access,
                                   struct registry_endpoints *ret)
{
    return resolve(reference, access, false, ret);
}

struct error *registries_conf_push(const struct reference *reference,
                                   const struct registry_access *access, bool *ret_insecure)
{
    CLEANUP(registry_endpoints_free) struct registry_endpoints found = {0};

    TRY(resolve(reference, access, true, &found));
    *ret_insecure = found.count > 0 && found.items[0].insecure;
    return NULL;
}

void registry_endpoints_free(struct registry_endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++)
        reference_free(&endpoints->items[i].reference);
    free(endpoints->items);
    *endpoints = (struct registry_endpoints){0};
}
