#include "host/image/config_document.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

static struct error *read_diff_ids(const char *name, const struct json *config, struct digest *ret,
                                   size_t count)
{
    const struct json *list = json_get(json_get(config, "rootfs"), "diff_ids");

    for (size_t i = 0; i < count; i++) {
        const struct json *item = list->items[i];

        if (item->type != JSON_STRING)
            return error_new(EXIT_INPUT, "read config '%s': a diff ID is no string", name);
        TRY(error_context(digest_parse(item->text, &ret[i]), "read config '%s'", name));
    }
    return NULL;
}

struct error *config_document_read(const char *name, struct buffer *bytes, struct image *image,
                                   struct digest **ret_diff_ids, size_t *ret_count)
{
    CLEANUP(json_freep) struct json *config = NULL;

    TRY(json_parse(name, bytes->data, bytes->length, &config));
    const struct json *rootfs = json_get(config, "rootfs");
    const struct json *list = json_get(rootfs, "diff_ids");
    const char *type = json_get_string(rootfs, "type");
    const char *os = json_get_string(config, "os");

    if (config->type != JSON_OBJECT || rootfs == NULL)
        return error_new(EXIT_INPUT, "read config '%s': it is no image's config: it has no rootfs",
                         name);
    if (type != NULL && strcmp(type, "layers") != 0)
        return error_new(EXIT_INPUT, "read config '%s': its rootfs is not made of layers", name);
    if (os != NULL && strcmp(os, "linux") != 0)
        return error_new(EXIT_INPUT,
                         "read config '%s': it is an image for another system than Linux", name);
    /* Go writes an empty list as null. */
    if (list != NULL && list->type != JSON_ARRAY && list->type != JSON_NULL)
        return error_new(EXIT_INPUT, "read config '%s': rootfs.diff_ids is no array", name);
    size_t count = list != NULL && list->type == JSON_ARRAY ? list->count : 0;

    if (count > IMAGE_LAYERS_MAX)
        return error_new(EXIT_INPUT, "read config '%s': it has %zu layers, more than %d", name,
                         count, IMAGE_LAYERS_MAX);
    CLEANUP(freep) struct digest *diff_ids = xcalloc(count, sizeof *diff_ids);

    TRY(read_diff_ids(name, config, diff_ids, count));
    image->config = STEAL(config);
    image->config_bytes = *bytes;
    *bytes = (struct buffer){0};
    *ret_diff_ids = STEAL(diff_ids);
    *ret_count = count;
    return NULL;
}
