#include "host/lib/clean_path.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* Adds NAME, the next one of a path, to NAMES. */
static void put(struct strings *names, const char *name, bool is_absolute)
{
    bool has_parent = names->count > 0 && strcmp(names->items[names->count - 1], "..") != 0;

    if (*name == '\0' || strcmp(name, ".") == 0)
        return;
    if (strcmp(name, "..") != 0 || (!has_parent && !is_absolute))
        strings_add(names, name);
    else if (has_parent)
        free(names->items[--names->count]);
}

char *clean_path(const char *path)
{
    CLEANUP(strings_free) struct strings names = {0};
    struct buffer cleaned = {0};
    bool is_absolute = *path == '/';

    while (*path != '\0') {
        size_t length = strcspn(path, "/");
        CLEANUP(freep) char *name = xstrndup(path, length);

        put(&names, name, is_absolute);
        path += length + strspn(path + length, "/");
    }
    if (is_absolute)
        buffer_append(&cleaned, "/", 1);
    for (size_t i = 0; i < names.count; i++)
        buffer_printf(&cleaned, "%s%s", i > 0 ? "/" : "", names.items[i]);
    if (cleaned.length == 0)
        buffer_append(&cleaned, ".", 1);
    return buffer_steal(&cleaned);
}

/* Whether PATH stands for a directory by its form alone. */
static bool is_folder(const char *path)
{
    const char *name = strrchr(path, '/');

    name = name != NULL ? name + 1 : path;
    return *name == '\0' || strcmp(name, ".") == 0;
}

char *clean_path_in(const char *folder, const char *path)
{
    CLEANUP(freep) char *whole = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", folder, path);
    CLEANUP(freep) char *cleaned = clean_path(whole);
    bool is_root = strcmp(cleaned, "/") == 0;

    return xasprintf("%s%s", cleaned, is_folder(path) && !is_root ? "/" : "");
}
