#include "host/tree/image_merge.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "host/lib/cleanup.h"
#include "host/tar/tar_reader.h"

static struct error *apply_layer(const struct image *image, size_t layer, struct merged_tree *tree)
{
    const char *path = image->layers[layer].tar_path;
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;
    struct stat status;

    if (fd < 0)
        return error_errno(EXIT_OTHER, "open the cache entry '%s'", path);
    if (fstat(fd, &status) == 0 && status.st_size == 0) /* some programs write that, not a tar */
        return NULL;
    TRY(tar_reader_new(path, fd, 0, &reader));
    for (;;) {
        struct archive_entry *entry = NULL;

        TRY(tar_reader_next(reader, &entry));
        if (entry == NULL)
            return NULL;
        TRY(merged_tree_apply(tree, layer, tar_reader_offset(reader), entry));
    }
}

struct error *image_merge(const struct image *image, struct merged_tree **ret)
{
    CLEANUP(merged_tree_freep) struct merged_tree *tree = merged_tree_new();

    for (size_t i = 0; i < image->layer_count; i++)
        TRY(error_context(apply_layer(image, i, tree), "read layer 'sha256:%s'",
                          image->layers[i].diff_id.hex));
    *ret = STEAL(tree);
    return NULL;
}
