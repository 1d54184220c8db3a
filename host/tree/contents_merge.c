#include "host/tree/contents_merge.h"

#include <stdlib.h>

#include "host/lib/memory.h"
#include "host/tree/merged_tree.h"

struct link_group *contents_merge_group(struct contents_merge *merge, uint64_t device,
                                        uint64_t inode, bool make)
{
    struct link_key key = {.scope = merge->scope, .device = device, .inode = inode};

    return link_groups_find(&merge->groups, key, make);
}

struct contents_node *contents_node_data(struct path_node *node)
{
    if (node->data == NULL)
        node->data = xcalloc(1, sizeof(struct contents_node));
    return node->data;
}

struct link_group *contents_node_group(const struct path_node *node)
{
    const struct contents_node *data = node->data;

    return data != NULL ? data->group : NULL;
}

void contents_merge_move(struct contents_merge *merge, uint64_t number, const char *path)
{
    if (merge->moved_count == merge->moved_capacity) {
        merge->moved_capacity = merge->moved_capacity > 0 ? 2 * merge->moved_capacity : 16;
        merge->moved = xreallocarray(merge->moved, merge->moved_capacity, sizeof *merge->moved);
    }
    merge->moved[merge->moved_count++] = (struct contents_moved){number, xstrdup(path)};
}

static int by_number(const void *key, const void *item)
{
    uint64_t number = *(const uint64_t *)key, other = ((const struct contents_moved *)item)->number;

    return number < other ? -1 : number > other;
}

char *contents_merge_place(const struct contents_merge *merge, uint64_t number, const char *path)
{
    const struct contents_moved *moved = NULL;

    if (merge->moved_count > 0)
        moved = bsearch(&number, merge->moved, merge->moved_count, sizeof *moved, by_number);
    return xstrdup(moved != NULL ? moved->path : path);
}

/* Sets *RET to the tree of the base; NULL if there is none. */
static struct error *find_base(const struct contents_merge *merge, const struct merged_tree **ret)
{
    *ret = NULL;
    return merge->contents->base == NULL
               ? NULL
               : merge->contents->base(merge->contents->base_context, ret);
}

struct error *contents_merge_base_has(const struct contents_merge *merge, const char *path,
                                      bool *ret)
{
    const struct merged_tree *tree;

    TRY(find_base(merge, &tree));
    *ret = tree != NULL && merged_tree_has(tree, path);
    return NULL;
}

struct error *contents_merge_base_has_folder(const struct contents_merge *merge, const char *path,
                                             bool *ret)
{
    const struct merged_tree *tree;

    TRY(find_base(merge, &tree));
    *ret = tree != NULL && merged_tree_has_folder(tree, path);
    return NULL;
}

char *contents_merge_own_path(const struct contents_source *source, const char *name)
{
    if (source->target == NULL || *source->target == '\0')
        return xstrdup(name);
    return xasprintf("%s/%s", source->target, name);
}

uint64_t contents_merge_begin_entry(struct contents_merge *merge, const char *path)
{
    for (const char *byte = path;; byte++) { /* FNV-1a */
        merge->names_hash = (merge->names_hash ^ (unsigned char)*byte) * UINT64_C(0x100000001b3);
        if (*byte == '\0')
            break;
    }
    return merge->entry_number++;
}

struct link_group *contents_merge_inode_group(struct contents_merge *merge,
                                              struct archive_entry *entry, bool make)
{
    if (archive_entry_filetype(entry) == AE_IFDIR || archive_entry_nlink(entry) < 2)
        return NULL;
    return contents_merge_group(merge, (uint64_t)archive_entry_dev(entry),
                                (uint64_t)archive_entry_ino64(entry), make);
}

void contents_merge_free(struct contents_merge *merge)
{
    contents_places_free(&merge->places);
    path_tree_free(merge->tree);
    path_tree_free(merge->excluded);
    link_groups_free(&merge->groups);
    for (size_t i = 0; i < merge->moved_count; i++)
        free(merge->moved[i].path);
    free(merge->moved);
    free(merge->found);
    free(merge->followed);
}
