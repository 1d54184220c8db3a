#include "host/build/mount_trees.h"

#include <stdlib.h>

#include "host/lib/memory.h"

struct error *mount_trees_make(const struct spec_mounts *mounts,
                               const struct spec_sources_origin *origin, int64_t clamp,
                               struct mount_trees *ret)
{
    ret->items = xcalloc(mounts->count, sizeof *ret->items);
    for (size_t i = 0; i < mounts->count; i++) {
        struct spec_mount *mount = &mounts->items[i];
        const struct spec_contents contents = {.items = &mount->content, .count = 1};
        struct spec_sources_origin own = *origin;

        if (mount->kind != SPEC_MOUNT_BIND)
            continue;
        struct mount_tree *tree = &ret->items[ret->count++];

        own.contents = &contents;
        tree->number = i;
        TRY(error_context(spec_sources_make(&own, &tree->sources), "mount at '%s'", mount->target));
        tree->contents = (struct contents){
            .sources = tree->sources.items, .source_count = tree->sources.count, .clamp = clamp};
    }
    return NULL;
}

/* vm_add_tree: CONTEXT is a struct contents. */
static struct error *produce(void *context, struct sink sink)
{
    return contents_write(context, sink);
}

struct error *mount_trees_send(struct mount_trees *trees, struct vm *vm)
{
    for (size_t i = 0; i < trees->count; i++)
        TRY(vm_add_tree(vm, trees->items[i].number, produce, &trees->items[i].contents));
    return NULL;
}

void mount_trees_free(struct mount_trees *trees)
{
    for (size_t i = 0; i < trees->count; i++)
        spec_sources_free(&trees->items[i].sources);
    free(trees->items);
    *trees = (struct mount_trees){0};
}
