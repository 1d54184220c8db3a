#include "host/tree/merged_match.h"

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* Appends what is in FOLDER, whose path is PATH, by the pattern's names from INDEX on. */
static void match_in(const struct path_node *folder, const char *path,
                     const struct path_pattern *pattern, size_t index, struct strings *ret)
{
    CLEANUP(path_nodes_free) struct path_nodes children = {0};

    path_tree_children(folder, &children);
    for (size_t i = 0; i < children.count; i++) {
        const struct path_node *child = children.items[i];

        if (!path_pattern_matches(pattern, index, child->name))
            continue;
        CLEANUP(freep) char *found = xasprintf("%s/%s", path, child->name);

        if (index + 1 == pattern->count)
            strings_add(ret, found);
        else if (child->is_folder)
            match_in(child, found, pattern, index + 1, ret);
    }
}

struct error *merged_match(struct merged_tree *tree, const struct path_pattern *pattern,
                           struct strings *ret)
{
    CLEANUP(freep)
    char *start = xasprintf("%s%s", *pattern->start != '\0' ? "/" : "", pattern->start);
    struct path_node *node = NULL;

    TRY(merged_tree_find(tree, start, &node));
    if (node != NULL && node->is_folder)
        match_in(node, start, pattern, 0, ret);
    return NULL;
}
