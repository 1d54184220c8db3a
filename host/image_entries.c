#include "image_entries.h"

#include <fcntl.h>

#include "cleanup.h"

static struct error *visit_layer(const struct image *image, size_t layer, image_entry_visit visit,
                                 void *context)
{
    const char *path = image->layers[layer].tar_path;
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;

    if (fd < 0)
        return error_errno(EXIT_OTHER, "open the cache's '%s'", path);
    TRY(tar_reader_new(path, fd, 0, &reader));
    for (size_t number = 0;; number++) {
        struct archive_entry *entry;

        TRY(tar_reader_next(reader, &entry));
        if (entry == NULL)
            return NULL;
        TRY(visit(context, layer, number, reader, entry));
    }
}

struct error *image_each_entry(const struct image *image, image_entry_visit visit, void *context)
{
    for (size_t i = 0; i < image->layer_count; i++)
        TRY(error_context(visit_layer(image, i, visit, context), "read layer sha256:%s",
                          image->layers[i].diff_id.hex));
    return NULL;
}

static struct error *apply(void *context, size_t layer, size_t number, struct tar_reader *reader,
                           struct archive_entry *entry)
{
    (void)number;
    (void)reader;
    return merged_tree_apply(context, layer, entry);
}

struct error *image_merge(const struct image *image, struct merged_tree **ret)
{
    CLEANUP(merged_tree_freep) struct merged_tree *tree = merged_tree_new();

    TRY(image_each_entry(image, apply, tree));
    *ret = STEAL(tree);
    return NULL;
}
