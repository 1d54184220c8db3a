#include "host/format/image_name.h"

#include <string.h>

#include "host/image/platform.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

#define NAMES_SHOWN 12 /* of an archive's names, in an error */

void image_name_split(const char *text, char **ret_name, char **ret_tag)
{
    const char *colon = strrchr(text, ':');

    if (colon != NULL && strchr(colon, '/') != NULL)
        colon = NULL;
    *ret_name = colon != NULL ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
    *ret_tag = colon != NULL ? xstrdup(colon + 1) : NULL;
}

/* Returns NAME without what Docker omits from the names of its own registry. */
static const char *familiar(const char *name)
{
    static const char *const prefixes[] = {"docker.io/", "index.docker.io/", "library/"};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            name += strlen(prefixes[i]);
    return name;
}

bool image_name_matches(const char *name, const char *tag, const struct image_choice *choice)
{
    if (choice->name != NULL &&
        (name == NULL || strcmp(familiar(name), familiar(choice->name)) != 0))
        return false;
    return choice->tag == NULL || (tag != NULL && strcmp(tag, choice->tag) == 0);
}

struct error *image_name_missing(const char *path, const struct image_choice *choice,
                                 struct strings *names)
{
    CLEANUP(buffer_free) struct buffer list = {0}, wanted = {0};

    if (choice->name == NULL && choice->tag == NULL && choice->position > 0)
        buffer_printf(&wanted, "@%zu", choice->position - 1);
    else
        buffer_printf(&wanted, "%s%s%s", choice->name != NULL ? choice->name : "",
                      choice->name != NULL && choice->tag != NULL ? ":" : "",
                      choice->tag != NULL ? choice->tag : "");
    strings_sort(names);
    for (size_t i = 0; i < names->count && i < NAMES_SHOWN; i++) {
        buffer_printf(&list, "%s", i > 0 ? ", " : "");
        printable_append(&list, names->items[i], strlen(names->items[i]), PRINTABLE_ASCII,
                         PRINTABLE_MARK);
    }
    if (names->count > NAMES_SHOWN)
        buffer_printf(&list, " and %zu more", names->count - NAMES_SHOWN);
    return error_new(EXIT_INPUT, "find image '%s' in '%s': it contains %s", wanted.data, path,
                     list.length > 0 ? list.data : "images without a name");
}

struct error *image_name_wrong_platform(const char *path, const struct image_choice *choice,
                                        const struct strings *platforms)
{
    CLEANUP(buffer_free) struct buffer list = {0};
    CLEANUP(freep) char *text = NULL;
    struct platform wanted;

    TRY(platform_parse(choice->architecture, &wanted));
    text = platform_format(&wanted);
    for (size_t i = 0; i < platforms->count && i < NAMES_SHOWN; i++)
        buffer_printf(&list, "%s%s", i > 0 ? ", " : "", platforms->items[i]);
    return error_new(EXIT_INPUT, "choose image of '%s': none for linux/%s, only for %s", path, text,
                     list.length > 0 ? list.data : "no platform");
}
