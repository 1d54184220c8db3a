#include "host/build/spec_sources.h"

#include <stdlib.h>
#include <string.h>

#include "host/build/built_image.h"
#include "host/build/image_part.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* Adds TEXT, which is taken over. Returns it, borrowed. */
static const char *keep_text(struct spec_sources *sources, char *text)
{
    strings_take(&sources->texts, text);
    return text;
}

/* Returns the last name of PATH; of the root, one that is never used. */
static const char *last_name(const char *path)
{
    const char *name = strrchr(path, '/') + 1;

    return *name != '\0' ? name : "root";
}

/* Sets the tarball and the target of SOURCE, CONTENT of an image. Of a directory, what is in it is
 * put into the target; a file as well if the target ends with a slash, or else it gets that name,
 * as with Docker's COPY. */
static struct error *find_part(const struct spec_content *content, const struct digest *built,
                               const struct image_request *request, struct spec_sources *sources,
                               struct contents_source *source)
{
    CLEANUP(image_freep) struct image *image = NULL;
    const char *name = last_name(content->is_into ? content->source : content->target);
    bool is_folder = false;
    char *tar = NULL;

    TRY(built_image_open(&content->image, built, request, &image));
    TRY(error_context(
        image_part_find(image, content->source, name, request->store, &tar, &is_folder),
        "read image '%s'", content->image.name));
    source->path = keep_text(sources, tar);
    source->name =
        keep_text(sources, xasprintf("%s in image '%s'", content->source, content->image.name));
    if (!is_folder && !content->is_into) {
        size_t length = (size_t)(strrchr(content->target, '/') - content->target);

        source->target = keep_text(
            sources, xasprintf("%.*s", (int)(length > 0 ? length - 1 : 0), content->target + 1));
    }
    return NULL;
}

struct error *spec_sources_make(const struct spec_contents *contents, const struct digest *built,
                                const struct image_request *request, struct spec_sources *ret)
{
    static const enum contents_mode modes[] = {
        [SPEC_MODE_ADD_WRITE] = CONTENTS_MODE_ADD_WRITE,
        [SPEC_MODE_KEEP] = CONTENTS_MODE_KEEP,
        [SPEC_MODE_SET] = CONTENTS_MODE_SET,
    };

    ret->items = xcalloc(contents->count, sizeof *ret->items);
    for (size_t i = 0; i < contents->count; i++) {
        const struct spec_content *content = &contents->items[i];

        ret->items[i] =
            (struct contents_source){.path = content->source,
                                     .target = content->target + 1, /* without its '/' */
                                     .exclude = &content->exclude,
                                     .mode_rule = modes[content->mode_rule],
                                     .mode = content->mode,
                                     .keep_owner = content->keep_owner,
                                     .uid = content->uid,
                                     .gid = content->gid};
        if (content->image.name != NULL)
            TRY(find_part(content, built, request, ret, &ret->items[i]));
        ret->count++;
    }
    return NULL;
}

void spec_sources_free(struct spec_sources *sources)
{
    free(sources->items);
    strings_free(&sources->texts);
    *sources = (struct spec_sources){0};
}
