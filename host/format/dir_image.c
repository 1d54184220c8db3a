#include "host/format/dir_image.h"

#include <stdlib.h>

#include "host/format/blob_image.h"
#include "host/format/bundle_files.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

bool dir_image_is(const struct image_files *files)
{
    return files->has(files->context, DIR_IMAGE_MANIFEST);
}

struct error *dir_image_read(const struct image_files *files, const struct image_request *request,
                             struct image **ret)
{
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(freep) char *label = xasprintf("%s/" DIR_IMAGE_MANIFEST, files->path);
    const struct blob_files blobs = {files, "", DIR_IMAGE_MANIFEST_SUFFIX};
    CLEANUP(blob_image_search_free)
    struct blob_image_search search = {.blobs = &blobs, .request = request, .image = image};
    bool found = false;

    TRY(files->read(files->context, DIR_IMAGE_MANIFEST, MANIFEST_SIZE_MAX, &bytes));
    TRY(blob_image_find_in(&search, label, &bytes, NULL, false, &found));
    if (!found)
        return STEAL(search.why);
    TRY(blob_image_read_layers(&search));
    *ret = STEAL(image);
    return NULL;
}

struct error *dir_image_read_bundle(const struct image_files *files,
                                    const struct image_request *request, bool root_only,
                                    struct image_bundle *ret)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(freep) char *label = xasprintf("%s/" DIR_IMAGE_MANIFEST, files->path);
    const struct blob_files blobs = {files, "", DIR_IMAGE_MANIFEST_SUFFIX};

    TRY(files->read(files->context, DIR_IMAGE_MANIFEST, MANIFEST_SIZE_MAX, &bytes));
    return bundle_files_read(&blobs, label, NULL, &bytes, root_only, request->store, ret);
}
