#include "host/tree/path_tree.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

struct path_tree {
    struct path_node root;
    void (*release)(void *data);
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct path_node *)a)->name, ((const struct path_node *)b)->name);
}

static void drop_data(struct path_tree *tree, struct path_node *node)
{
    void *data = STEAL(node->data);

    if (data != NULL && tree->release != NULL)
        tree->release(data);
}

/* Takes NODE's children, which it has no longer; they are appended to RET. */
static void take_children(struct path_node *node, struct path_nodes *ret);

/* Frees the nodes in PENDING, which their parents no longer know, and all below them, however
 * deep. */
static void free_nodes(struct path_tree *tree, struct path_nodes *pending)
{
    while (pending->count > 0) {
        struct path_node *node = pending->items[--pending->count];

        take_children(node, pending);
        drop_data(tree, node);
        free(node->name);
        free(node);
    }
}

static void keep_item(void *item)
{
    (void)item;
}

void path_tree_clear(struct path_tree *tree, struct path_node *node)
{
    CLEANUP(path_nodes_free) struct path_nodes pending = {0};

    take_children(node, &pending);
    free_nodes(tree, &pending);
}

void path_tree_remove(struct path_tree *tree, struct path_node *node)
{
    tdelete(node, &node->parent->children, by_name);
    path_tree_clear(tree, node);
    drop_data(tree, node);
    free(node->name);
    free(node);
}

struct path_tree *path_tree_new(void (*release)(void *data))
{
    struct path_tree *tree = xcalloc(1, sizeof *tree);

    tree->release = release;
    tree->root.name = xstrdup("");
    tree->root.is_folder = true;
    tree->root.owner = PATH_TREE_IMPLIED;
    return tree;
}

struct path_node *path_tree_root(struct path_tree *tree)
{
    return &tree->root;
}

struct path_node *path_tree_child(const struct path_node *folder, const char *name, size_t length)
{
    CLEANUP(freep) char *copy = xstrndup(name, length);
    struct path_node key = {.name = copy};
    struct path_node **found = tfind(&key, &folder->children, by_name);

    return found != NULL ? *found : NULL;
}

struct path_node *path_tree_add(struct path_node *folder, const char *name, size_t length,
                                uint64_t owner)
{
    struct path_node *node = xcalloc(1, sizeof *node);

    node->name = xstrndup(name, length);
    node->parent = folder;
    node->is_folder = true;
    node->owner = owner;
    xallocated(tsearch(node, &folder->children, by_name));
    return node;
}

/* The child of FOLDER called NAME; it is made if there is none, and so is FOLDER. */
static struct path_node *make_child(struct path_node *folder, const char *name, size_t length)
{
    if (!folder->is_folder) {
        folder->is_folder = true;
        folder->owner = PATH_TREE_IMPLIED;
    }
    struct path_node *child = path_tree_child(folder, name, length);

    return child != NULL ? child : path_tree_add(folder, name, length, PATH_TREE_IMPLIED);
}

/* Goes from the root along PATH. MAKE: nodes that are missing; else the result may be NULL. */
static struct path_node *walk(struct path_tree *tree, const char *path, bool make)
{
    struct path_node *node = &tree->root;

    while (node != NULL && *path != '\0') {
        size_t length = strcspn(path, "/");

        if (length > 0)
            node = make ? make_child(node, path, length) : path_tree_child(node, path, length);
        path += length;
        path += strspn(path, "/");
    }
    return node;
}

struct path_node *path_tree_put(struct path_tree *tree, const char *path, bool is_folder,
                                uint64_t owner)
{
    struct path_node *node = walk(tree, path, true);

    if (!is_folder)
        path_tree_clear(tree, node);
    drop_data(tree, node);
    node->is_folder = is_folder;
    node->owner = owner;
    return node;
}

struct path_node *path_tree_find(struct path_tree *tree, const char *path)
{
    return walk(tree, path, false);
}

void path_nodes_add(struct path_nodes *nodes, struct path_node *node)
{
    if (nodes->count == nodes->capacity) {
        nodes->capacity = nodes->capacity > 0 ? 2 * nodes->capacity : 16;
        nodes->items = xreallocarray(nodes->items, nodes->capacity, sizeof *nodes->items);
    }
    nodes->items[nodes->count++] = node;
}

/* For twalk_r: adds each child once, in order. */
static void collect_child(const void *item, VISIT visit, void *nodes)
{
    if (visit == postorder || visit == leaf)
        path_nodes_add(nodes, *(struct path_node *const *)item);
}

void path_tree_children(const struct path_node *folder, struct path_nodes *ret)
{
    twalk_r(folder->children, collect_child, ret);
}

static void take_children(struct path_node *node, struct path_nodes *ret)
{
    path_tree_children(node, ret);
    tdestroy(STEAL(node->children), keep_item);
}

void path_nodes_free(struct path_nodes *nodes)
{
    free(nodes->items);
    *nodes = (struct path_nodes){0};
}

char *path_tree_path(const struct path_node *node)
{
    size_t length = 0;

    for (const struct path_node *at = node; at->parent != NULL; at = at->parent)
        length += strlen(at->name) + (at != node);
    char *path = xcalloc(length + 1, 1), *end = path + length;

    for (const struct path_node *at = node; at->parent != NULL; at = at->parent) {
        size_t part = strlen(at->name);

        if (at != node)
            *--end = '/';
        end -= part;
        memcpy(end, at->name, part);
    }
    return path;
}

void path_walk_start(const struct path_node *folder, struct path_walk *ret)
{
    *ret = (struct path_walk){.entered = folder};
}

static void push_level(struct path_walk *walk)
{
    if (walk->count == walk->capacity) {
        walk->capacity = walk->capacity > 0 ? 2 * walk->capacity : 16;
        walk->levels = xreallocarray(walk->levels, walk->capacity, sizeof *walk->levels);
    }
    struct path_level *level = &walk->levels[walk->count++];

    *level = (struct path_level){0};
    path_tree_children(walk->entered, &level->nodes);
    walk->entered = NULL;
}

struct path_node *path_walk_next(struct path_walk *walk, bool *ret_leaves)
{
    if (walk->entered != NULL)
        push_level(walk);
    struct path_level *level = &walk->levels[walk->count - 1];

    *ret_leaves = level->next == level->nodes.count;
    if (!*ret_leaves) {
        walk->entered = level->nodes.items[level->next];
        return level->nodes.items[level->next];
    }
    path_nodes_free(&level->nodes);
    if (--walk->count == 0)
        return NULL;
    level = &walk->levels[walk->count - 1];
    return level->nodes.items[level->next++];
}

void path_walk_free(struct path_walk *walk)
{
    while (walk->count > 0)
        path_nodes_free(&walk->levels[--walk->count].nodes);
    free(walk->levels);
    *walk = (struct path_walk){0};
}

void path_tree_free(struct path_tree *tree)
{
    if (tree == NULL)
        return;
    path_tree_clear(tree, &tree->root);
    drop_data(tree, &tree->root);
    free(tree->root.name);
    free(tree);
}
