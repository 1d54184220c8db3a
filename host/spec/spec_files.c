#include "host/spec/spec_files.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/spec/spec_document.h"

/* Adds the file PATH, of which nothing was read. */
static struct spec_file *add(struct spec_files *files, const char *path, const char *platform)
{
    struct spec_file *file = xcalloc(1, sizeof *file);

    file->path = xstrdup(path);
    file->platform = platform;
    files->items = xreallocarray(files->items, files->count + 1, sizeof(struct spec_file *));
    files->items[files->count++] = file;
    return file;
}

struct error *spec_files_open(struct spec_files *files, const char *path, const char *platform,
                              struct spec_file **ret, bool *ret_is_new)
{
    CLEANUP(freep) char *real = strcmp(path, "-") == 0 ? NULL : realpath(path, NULL);
    const char *found = real != NULL ? real : path;
    struct spec_file *same = NULL;

    *ret_is_new = false;
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->items[i]->path, found) != 0)
            continue;
        same = *ret = files->items[i];
        if (same->platform == platform)
            return NULL;
    }
    struct spec_file *file = *ret = add(files, found, platform);

    *ret_is_new = true;
    if (same == NULL)
        return spec_document_open(path, &file->root, &file->folder);
    file->root = json_copy(same->root);
    file->folder = xstrdup(same->folder);
    return NULL;
}

struct error *spec_files_add(struct spec_files *files, struct json **root, const char *platform,
                             struct spec_file **ret)
{
    struct spec_file *file = *ret = add(files, "", platform);

    file->root = STEAL(*root);
    return spec_document_folder("-", &file->folder);
}

void spec_files_free(struct spec_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i]->path);
        free(files->items[i]->folder);
        json_free(files->items[i]->root);
        free(files->items[i]);
    }
    free(files->items);
    *files = (struct spec_files){0};
}
