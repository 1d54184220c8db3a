#include "host/tree/merged_tree.h"

#include <assert.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define ENTRIES_MAX (4u << 20) /* of all layers together */
#define DEPTH_MAX 8192         /* folders below one another: trees are freed recursively */
#define PATH_LENGTH_MAX (64u << 10)
#define SYMLINKS_MAX 40 /* in one path, as Linux has it */

#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define OPAQUE ".wh..wh..opq"

struct merged_tree {
    struct merged_node root;
    size_t entries;
};

/* A walk through the tree. */
struct walk {
    struct merged_tree *tree;
    size_t layer;
    bool make; /* folders that are missing */
    struct merged_node *node;
    unsigned int depth;
    unsigned int symlinks;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct merged_node *)a)->name, ((const struct merged_node *)b)->name);
}

/* The child of FOLDER whose name is the first LENGTH bytes of NAME, or NULL. */
static struct merged_node *find_child(const struct merged_node *folder, const char *name,
                                      size_t length)
{
    CLEANUP(freep) char *copy = xstrndup(name, length);
    struct merged_node key = {.name = copy};
    struct merged_node **found = tfind(&key, &folder->children, by_name);

    return found != NULL ? *found : NULL;
}

static struct merged_node *add_child(struct merged_node *folder, const char *name, size_t length,
                                     size_t layer)
{
    struct merged_node *node = xcalloc(1, sizeof *node);

    node->name = xstrndup(name, length);
    node->parent = folder;
    node->layer = layer;
    xallocated(tsearch(node, &folder->children, by_name));
    return node;
}

/* Takes NODE's inode from it. */
static void unlink_inode(struct merged_node *node)
{
    struct merged_inode *inode = STEAL(node->inode);

    if (inode == NULL || --inode->paths > 0)
        return;
    free(inode->symlink);
    free(inode->first);
    free(inode);
}

/* Gives NODE a path to INODE in place of the one it had. */
static void link_inode(struct merged_node *node, struct merged_inode *inode)
{
    assert(inode != NULL);
    inode->paths++;
    unlink_inode(node);
    node->inode = inode;
}

/* Frees NODE and what is below it, whose parent no longer knows it. */
static void free_node(void *argument)
{
    struct merged_node *node = argument;

    tdestroy(node->children, free_node);
    unlink_inode(node);
    free(node->name);
    free(node);
}

static void remove_children(struct merged_node *folder)
{
    tdestroy(folder->children, free_node);
    folder->children = NULL;
}

static void remove_node(struct merged_node *node)
{
    tdelete(node, &node->parent->children, by_name);
    free_node(node);
}

struct children {
    struct merged_node **nodes;
    size_t count, capacity;
};

static void children_free(struct children *children)
{
    free(children->nodes);
}

/* twalk_r's: adds each child once, in order. */
static void collect_child(const void *item, VISIT visit, void *context)
{
    struct children *children = context;

    if (visit != postorder && visit != leaf)
        return;
    if (children->count == children->capacity) {
        children->capacity = children->capacity > 0 ? 2 * children->capacity : 16;
        children->nodes =
            xreallocarray(children->nodes, children->capacity, sizeof *children->nodes);
    }
    children->nodes[children->count++] = *(struct merged_node *const *)item;
}

static void purge_children(struct merged_node *folder, size_t layer);

/* Removes what layers below LAYER left of NODE; NODE too unless LAYER has something of it. */
static void purge(struct merged_node *node, size_t layer)
{
    purge_children(node, layer);
    if (node->layer == layer)
        return;
    if (node->children == NULL) {
        remove_node(node);
        return;
    }
    /* A folder of a lower layer, in which this layer put something without an entry for it. */
    unlink_inode(node);
    node->layer = layer;
}

static void purge_children(struct merged_node *folder, size_t layer)
{
    CLEANUP(children_free) struct children children = {0};

    twalk_r(folder->children, collect_child, &children);
    for (size_t i = 0; i < children.count; i++)
        purge(children.nodes[i], layer);
}

static struct error *walk_path(struct walk *walk, const char *path, size_t length);

/* Goes from WALK's folder through the symlink CHILD in it. */
static struct error *walk_symlink(struct walk *walk, const struct merged_node *child)
{
    const char *target = child->inode->symlink;

    if (++walk->symlinks > SYMLINKS_MAX)
        return error_new(EXIT_INPUT, "a path leads through more than %d symlinks", SYMLINKS_MAX);
    if (*target == '/') {
        walk->node = &walk->tree->root;
        walk->depth = 0;
    }
    return walk_path(walk, target, strlen(target));
}

/* Goes from WALK's folder to its child NAME, a folder. The node is NULL afterwards where there is
 * none and none is to be made. */
static struct error *walk_part(struct walk *walk, const char *name, size_t length)
{
    struct merged_node *child = find_child(walk->node, name, length);

    if (child != NULL && !child->is_folder && child->inode != NULL && child->inode->symlink != NULL)
        return walk_symlink(walk, child);
    if (child == NULL || !child->is_folder) {
        if (!walk->make) {
            walk->node = NULL;
            return NULL;
        }
        if (child != NULL)
            remove_node(child);
        child = add_child(walk->node, name, length, walk->layer);
        child->is_folder = true;
    }
    if (++walk->depth > DEPTH_MAX)
        return error_new(EXIT_INPUT, "its folders lie more than %d deep", DEPTH_MAX);
    walk->node = child;
    return NULL;
}

/* Goes along the folders of PATH. ".." of a symlink's target stops at the root. */
static struct error *walk_path(struct walk *walk, const char *path, size_t length)
{
    const char *end = path + length;

    while (path < end && walk->node != NULL) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        size_t part = slash != NULL ? (size_t)(slash - path) : (size_t)(end - path);

        if (part == 2 && strncmp(path, "..", 2) == 0) {
            if (walk->node->parent != NULL) {
                walk->node = walk->node->parent;
                walk->depth--;
            }
        } else if (part > 0 && !(part == 1 && *path == '.')) {
            TRY(walk_part(walk, path, part));
        }
        path += part + (slash != NULL);
    }
    return NULL;
}

/* The last part of PATH, slashes at its end left out; empty for the root. */
static const char *last_part(const char *path, size_t *ret_length)
{
    size_t length = strlen(path);

    for (;;) {
        while (length > 0 && path[length - 1] == '/')
            length--;
        if (length == 0 || path[length - 1] != '.' || (length > 1 && path[length - 2] != '/'))
            break;
        length--; /* "." */
    }
    const char *slash = memrchr(path, '/', length);
    const char *last = slash != NULL ? slash + 1 : path;

    *ret_length = length - (size_t)(last - path);
    return last;
}

/* A layer's names stay within the root, and name no part of aufs. */
static struct error *check_path(const char *path)
{
    if (path == NULL)
        return error_new(EXIT_INPUT, "an entry has no name");
    if (strlen(path) > PATH_LENGTH_MAX)
        return error_new(EXIT_INPUT, "a path has more than %u bytes", PATH_LENGTH_MAX);
    for (const char *part = path; *part != '\0';) {
        size_t length = strcspn(part, "/");

        if (length == 2 && strncmp(part, "..", 2) == 0)
            return error_new(EXIT_INPUT, "path '%s' has a '..'", path);
        part += length;
        part += strspn(part, "/");
    }
    return NULL;
}

/* Whether PATH is within what aufs kept for itself in layers, such as .wh..wh.plnk. */
static bool is_aufs_path(const char *path)
{
    for (const char *part = path; *part != '\0';) {
        size_t length = strcspn(part, "/");
        bool is_meta = strncmp(part, WHITEOUT_META, strlen(WHITEOUT_META)) == 0;
        bool is_opaque = length == strlen(OPAQUE) && strncmp(part, OPAQUE, length) == 0;

        if (is_meta && !is_opaque)
            return true;
        part += length;
        part += strspn(part, "/");
    }
    return false;
}

static void apply_whiteout(struct merged_node *folder, const char *name, size_t length,
                           size_t layer)
{
    if (length == strlen(OPAQUE) && strncmp(name, OPAQUE, length) == 0) {
        purge_children(folder, layer);
        return;
    }
    size_t prefix = strlen(WHITEOUT);
    struct merged_node *node = find_child(folder, name + prefix, length - prefix);

    if (node != NULL)
        purge(node, layer);
}

/* The inode that a hard link to TARGET shares. */
static struct error *find_linked(struct merged_tree *tree, size_t layer, const char *target,
                                 struct merged_inode **ret)
{
    struct walk walk = {.tree = tree, .layer = layer, .node = &tree->root};
    size_t length;

    TRY(check_path(target));
    const char *last = last_part(target, &length);

    TRY(walk_path(&walk, target, (size_t)(last - target)));
    struct merged_node *node = walk.node != NULL ? find_child(walk.node, last, length) : NULL;

    if (node == NULL || node->is_folder || node->inode == NULL)
        return error_new(EXIT_INPUT, "a hard link leads to '%s', which is no file", target);
    *ret = node->inode;
    return NULL;
}

/* What ENTRY at OFFSET makes: nothing new where it is a hard link. */
static struct error *find_inode(struct walk *walk, uint64_t offset, struct archive_entry *entry,
                                struct merged_inode **ret)
{
    const char *linked = archive_entry_hardlink(entry);
    const char *symlink =
        archive_entry_filetype(entry) == AE_IFLNK ? archive_entry_symlink(entry) : NULL;

    if (linked != NULL)
        return find_linked(walk->tree, walk->layer, linked, ret);
    *ret = xcalloc(1, sizeof **ret);
    (*ret)->layer = walk->layer;
    (*ret)->offset = offset;
    (*ret)->symlink = symlink != NULL ? xstrdup(symlink) : NULL;
    return NULL;
}

/* Puts the entry at the name LAST of LENGTH bytes in WALK's folder. */
static struct error *put(struct walk *walk, const char *last, size_t length, uint64_t offset,
                         struct archive_entry *entry)
{
    bool is_folder =
        archive_entry_hardlink(entry) == NULL && archive_entry_filetype(entry) == AE_IFDIR;
    struct merged_inode *inode = NULL;

    if (length == 0 && !is_folder)
        return error_new(EXIT_INPUT, "the root is no folder");
    TRY(find_inode(walk, offset, entry, &inode));
    struct merged_node *node = length > 0 ? find_child(walk->node, last, length) : walk->node;

    if (node == NULL)
        node = add_child(walk->node, last, length, walk->layer);
    link_inode(node, inode);
    if (!is_folder)
        remove_children(node);
    node->is_folder = is_folder;
    node->layer = walk->layer;
    return NULL;
}

struct error *merged_tree_apply(struct merged_tree *tree, size_t layer, uint64_t offset,
                                struct archive_entry *entry)
{
    const char *path = archive_entry_pathname(entry);
    struct walk walk = {.tree = tree, .layer = layer, .node = &tree->root};
    size_t length;

    if (++tree->entries > ENTRIES_MAX)
        return error_new(EXIT_INPUT, "the layers have more than %u entries", ENTRIES_MAX);
    TRY(check_path(path));
    if (is_aufs_path(path))
        return NULL;
    const char *last = last_part(path, &length);
    bool is_whiteout = length > strlen(WHITEOUT) && strncmp(last, WHITEOUT, strlen(WHITEOUT)) == 0;

    walk.make = !is_whiteout;
    TRY(walk_path(&walk, path, (size_t)(last - path)));
    if (!is_whiteout)
        return put(&walk, last, length, offset, entry);
    if (walk.node != NULL)
        apply_whiteout(walk.node, last, length, layer);
    return NULL;
}

struct merged_tree *merged_tree_new(void)
{
    struct merged_tree *tree = xcalloc(1, sizeof *tree);

    tree->root.name = xstrdup("");
    tree->root.is_folder = true;
    return tree;
}

static struct error *visit_folder(struct merged_node *folder, struct buffer *path,
                                  merged_visit visit, void *context);

/* Visits NODE, whose folder's path is in PATH, and what is below it. */
static struct error *visit_node(struct merged_node *node, struct buffer *path, merged_visit visit,
                                void *context)
{
    size_t length = path->length;

    if (length > 0)
        buffer_append(path, "/", 1);
    buffer_append(path, node->name, strlen(node->name));
    TRY(visit(context, node, path->data));
    TRY(visit_folder(node, path, visit, context));
    path->length = length;
    path->data[length] = '\0';
    return NULL;
}

static struct error *visit_folder(struct merged_node *folder, struct buffer *path,
                                  merged_visit visit, void *context)
{
    CLEANUP(children_free) struct children children = {0};

    twalk_r(folder->children, collect_child, &children);
    for (size_t i = 0; i < children.count; i++)
        TRY(visit_node(children.nodes[i], path, visit, context));
    return NULL;
}

struct error *merged_tree_each(struct merged_tree *tree, merged_visit visit, void *context)
{
    CLEANUP(buffer_free) struct buffer path = {0};

    TRY(visit(context, &tree->root, "."));
    return visit_folder(&tree->root, &path, visit, context);
}

void merged_tree_free(struct merged_tree *tree)
{
    if (tree == NULL)
        return;
    remove_children(&tree->root);
    unlink_inode(&tree->root);
    free(tree->root.name);
    free(tree);
}

const struct merged_node *merged_tree_find(const struct merged_tree *tree, const char *path)
{
    const struct merged_node *node = &tree->root;

    while (node != NULL && *path != '\0') {
        size_t length = strcspn(path, "/");

        if (length > 0)
            node = find_child(node, path, length);
        path += length;
        path += strspn(path, "/");
    }
    return node;
}
