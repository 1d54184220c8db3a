/* One layer in place of many. */
#include "host/dockerfile/conversion_state.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* Returns all of STAGE's config: the image has no base that it could be inherited from. */
static struct json *whole_config(const struct conversion_stage *stage)
{
    struct json *config = json_object();

    for (size_t i = 0; i < stage->config->count; i++)
        if (stage->config->items[i]->type != JSON_NULL)
            json_set(config, stage->config->keys[i], json_copy(stage->config->items[i]));
    return config;
}

void conversion_squash(struct conversion *conversion, const struct conversion_stage *stage,
                       const char *target)
{
    CLEANUP(freep) char *name = xasprintf("%s-layers", target);
    struct json *node = json_object(), *use = json_object(), *contents = json_array();
    struct json *files = json_object();

    while (json_get(conversion->images, name) != NULL) {
        char *longer = xasprintf("%s-layers", name);

        free(name);
        name = longer;
    }
    json_rename(conversion->images, target, name);
    json_set(use, "use", json_string(name));
    json_set(files, "image", use);
    json_set(files, "path", json_string("/"));
    json_append(contents, files);
    if (stage->architecture != NULL)
        json_set(node, "architecture", json_string(stage->architecture));
    if (conversion->created != NULL)
        json_set(node, "created", json_string(conversion->created));
    json_set(node, "contents", contents);
    json_set(node, "config", whole_config(stage));
    if (stage->author != NULL)
        json_set(node, "author", json_string(stage->author));
    json_set(conversion->images, target, node);
}
