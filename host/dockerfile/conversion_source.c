/* What FROM and --from name. */
#include "host/dockerfile/conversion_state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* Returns NAME with the registry, the repository and the tag that it stands for; the caller's. */
static char *whole_name(const char *name)
{
    size_t first = strcspn(name, "/");
    const char *last = strrchr(name, '/') != NULL ? strrchr(name, '/') : name;
    bool has_host = name[first] == '/' &&
                    (memchr(name, '.', first) != NULL || memchr(name, ':', first) != NULL ||
                     strncmp(name, "localhost/", 10) == 0);
    const char *prefix = has_host ? "" : name[first] == '/' ? "docker.io/" : "docker.io/library/";

    return xasprintf("%s%s%s", prefix, name,
                     strchr(last, ':') != NULL || strchr(name, '@') != NULL ? "" : ":latest");
}

/* Returns what LIST, NAME=VALUE, has in the place of NAME, borrowed; NULL: nothing. */
static const char *find_context(const struct strings *list, const char *name)
{
    CLEANUP(freep) char *whole = whole_name(name);

    for (size_t i = 0; i < list->count; i++) {
        const char *context = list->items[i];
        CLEANUP(freep) char *key = xstrndup(context, strcspn(context, "="));
        CLEANUP(freep) char *whole_key = whole_name(key);

        if (strcasecmp(key, name) == 0 || strcmp(whole_key, whole) == 0)
            return context + strlen(key) + 1;
    }
    return NULL;
}

struct error *conversion_find_image(struct conversion *conversion, const char *name, size_t end,
                                    struct json **ret, size_t *ret_stage)
{
    const char *context = find_context(&conversion->options->contexts, name);

    if (find_context(&conversion->options->folders, name) != NULL)
        return error_advise(
            error_new(EXIT_INPUT, "'%.100s' is a directory on the command line", name),
            "an image is named by --build-context %s=IMAGE", name);
    *ret_stage = context == NULL ? stages_find(&conversion->stages, name, end) : STAGE_NONE;
    if (*ret_stage != STAGE_NONE) {
        TRY(conversion_do_stage(conversion, *ret_stage));
        *ret = json_copy(conversion->states[*ret_stage].from);
        return NULL;
    }
    CLEANUP(freep) char *reference = xasprintf("docker://%s", name);

    *ret = json_string(context != NULL ? context : reference);
    return NULL;
}

struct error *conversion_find_source(struct conversion *conversion, const char *name, size_t index,
                                     struct json **ret, const char **ret_folder)
{
    size_t stage = STAGE_NONE;

    *ret_folder = find_context(&conversion->options->folders, name);
    if (*ret_folder != NULL)
        return NULL;

    if (name[strspn(name, "0123456789")] == '\0' && *name != '\0') {
        stage = strtoul(name, NULL, 10);
        if (stage >= index)
            return error_new(EXIT_INPUT, "the stage %.20s is not before this one", name);
        TRY(conversion_do_stage(conversion, stage));
        *ret = json_copy(conversion->states[stage].from);
        return NULL;
    }
    if (stages_find(&conversion->stages, name, index) == STAGE_NONE &&
        stages_find(&conversion->stages, name, conversion->stages.count) != STAGE_NONE)
        return error_new(EXIT_INPUT, "the stage '%.100s' is not before this one", name);
    return conversion_find_image(conversion, name, index, ret, &stage);
}
