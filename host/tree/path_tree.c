#include "host/tree/path_tree.h"

#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/memory.h"

struct path_tree {
    struct path_node root;
    void (*free_data)(void *data);
};

/* tdestroy gives no context to its callback, so it runs for one tree at a time in a thread. */
static _Thread_local void (*destroying_free_data)(void *data);

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct path_node *)a)->name, ((const struct path_node *)b)->name);
}

static void drop_data(struct path_node *node, void (*free_data)(void *data))
{
    if (free_data != NULL && node->data != NULL)
        free_data(node->data);
    node->data = NULL;
}

static void destroy(void *pointer)
{
    struct path_node *node = pointer;

    drop_data(node, destroying_free_data);
    tdestroy(node->children, destroy);
    free(node->name);
    free(node);
}

static void drop_children(struct path_tree *tree, struct path_node *node)
{
    destroying_free_data = tree->free_data;
    tdestroy(node->children, destroy);
    node->children = NULL;
}

struct path_tree *path_tree_new(void (*free_data)(void *data))
{
    struct path_tree *tree = xcalloc(1, sizeof *tree);

    tree->free_data = free_data;
    tree->root.is_folder = true;
    tree->root.owner = PATH_TREE_IMPLIED;
    return tree;
}

/* The child of PARENT called by the LENGTH bytes at NAME, or NULL. */
static struct path_node *find_child(const struct path_node *parent, const char *name, size_t length)
{
    char *text = xstrndup(name, length);
    struct path_node key = {.name = text};
    struct path_node **found = tfind(&key, &parent->children, compare);

    free(text);
    return found != NULL ? *found : NULL;
}

static struct path_node *add_child(struct path_node *parent, const char *name, size_t length)
{
    struct path_node *node = xcalloc(1, sizeof *node);

    node->name = xstrndup(name, length);
    node->parent = parent;
    node->is_folder = true;
    node->owner = PATH_TREE_IMPLIED;
    xallocated(tsearch(node, &parent->children, compare));
    return node;
}

/* Calls STEP for each part of PATH, from NODE downwards, until it returns NULL. */
static struct path_node *walk(struct path_node *node, const char *path,
                              struct path_node *(*step)(struct path_node *, const char *, size_t))
{
    while (node != NULL && *path != '\0') {
        size_t length = strcspn(path, "/");

        if (length > 0)
            node = step(node, path, length);
        path += length;
        path += strspn(path, "/");
    }
    return node;
}

static struct path_node *find_step(struct path_node *node, const char *name, size_t length)
{
    return find_child(node, name, length);
}

static struct path_node *make_step(struct path_node *node, const char *name, size_t length)
{
    struct path_node *child;

    if (!node->is_folder) {
        node->is_folder = true;
        node->owner = PATH_TREE_IMPLIED;
    }
    child = find_child(node, name, length);
    return child != NULL ? child : add_child(node, name, length);
}

struct path_node *path_tree_put(struct path_tree *tree, const char *path, bool is_folder,
                                uint64_t owner)
{
    struct path_node *node = walk(&tree->root, path, make_step);

    if (!is_folder)
        drop_children(tree, node);
    drop_data(node, tree->free_data);
    node->is_folder = is_folder;
    node->owner = owner;
    return node;
}

struct path_node *path_tree_find(const struct path_tree *tree, const char *path)
{
    return walk((struct path_node *)&tree->root, path, find_step);
}

char *path_tree_path(const struct path_node *node)
{
    if (node->parent == NULL)
        return xstrdup("");
    if (node->parent->parent == NULL)
        return xstrdup(node->name);
    char *above = path_tree_path(node->parent);
    char *path = xasprintf("%s/%s", above, node->name);

    free(above);
    return path;
}

void path_tree_free(struct path_tree *tree)
{
    if (tree == NULL)
        return;
    drop_children(tree, &tree->root);
    drop_data(&tree->root, tree->free_data);
    free(tree);
}
