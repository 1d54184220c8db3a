#include "host/build/image_sources.h"

#include <string.h>

#include "host/build/built_image.h"
#include "host/build/image_part.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"

/* Returns the last name of PATH; of the root, one that is never used. */
static const char *last_name(const char *path)
{
    const char *name = strrchr(path, '/') + 1;

    return *name != '\0' ? name : "root";
}

/* contents_visit: counts an entry that is taken. */
static struct error *count_entry(void *context, struct contents_entry *entry)
{
    *(size_t *)context += !entry->excluded;
    return NULL;
}

/* Refuses SOURCE, out of which CONTENT is copied with its parents, if nothing is. */
static struct error *check_parents(const struct spec_content *content,
                                   const struct contents_source *source, bool is_folder)
{
    size_t count = 0;

    if (is_folder)
        TRY(contents_source_visit(source, false, count_entry, &count));
    return count > 0
               ? NULL
               : error_new(EXIT_INPUT, "copy '%s': the image has nothing there", content->path);
}

/* Adds what is at PATH in IMAGE, one of COUNT paths. Of a directory, what is in it is put into the
 * target; a file as well if the target ends with a slash or is a directory, or else it gets that
 * name, as with Docker's COPY. */
static struct error *add_part(const struct spec_content *content, struct image *image,
                              const char *path, size_t count, struct store *store,
                              struct contents_source source, struct spec_sources *sources)
{
    bool is_folder = false;
    char *tar = NULL;

    TRY(image_part_find(image, path, last_name(path), store, &tar, &is_folder));
    source.path = spec_sources_keep(sources, tar);
    source.name =
        spec_sources_keep(sources, xasprintf("%s in image '%s'", path, content->image.name));
    if (content->parents)
        TRY(check_parents(content, &source, is_folder));
    source.is_exact = !is_folder && !content->is_into;
    source.is_one_of_many = count > 1;
    if (!content->keep_owner) {
        CLEANUP(freep) char *parent = file_folder(content->target);

        spec_sources_add_directory(sources, &source, source.is_exact ? parent : content->target);
    }
    spec_sources_add(sources, source);
    return NULL;
}

struct error *image_sources_add(const struct spec_content *content,
                                const struct spec_sources_origin *origin,
                                struct contents_source source, struct spec_sources *sources)
{
    CLEANUP(image_freep) struct image *image = NULL;
    CLEANUP(strings_free) struct strings paths = {0};
    CLEANUP(freep) char *start = spec_sources_start(content);
    struct store *store = origin->request->store;

    TRY(built_image_open(&content->image, origin->built, origin->request, &image));
    TRY(error_context(image_part_match(image, start, content->optional, store, &paths),
                      "read image '%s'", content->image.name));
    for (size_t i = 0; i < paths.count; i++)
        TRY(error_context(
            add_part(content, image, paths.items[i], paths.count, store, source, sources),
            "read image '%s'", content->image.name));
    return NULL;
}
