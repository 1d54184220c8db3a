#include "merged_tree.h"

#include <limits.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "buffer.h"
#include "cleanup.h"
#include "image_source.h"
#include "memory.h"

#define ENTRIES_MAX (4u << 20) /* of all layers together */
#define DEPTH_MAX 8192         /* folders below one another: trees are freed recursively */
#define PATH_LENGTH_MAX (64u << 10)
#define SYMLINKS_MAX 40 /* in one path, as Linux has it */

#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define OPAQUE ".wh..wh..opq"

/* The inodes of a layer, by number. */
struct places {
    struct merged_inode **inodes;
    size_t count, capacity;
};

struct merged_tree {
    struct merged_node root;
    struct places layers[IMAGE_LAYERS_MAX];
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
    if (tsearch(node, &folder->children, by_name) == NULL)
        abort(); /* no memory, which memory.h cannot mend either */
    return node;
}

/* Takes NODE's inode from it. */
static void unlink_inode(struct merged_node *node)
{
    struct merged_inode *inode = node->inode;

    if (inode == NULL)
        return;
    *(node->previous != NULL ? &node->previous->next : &inode->names) = node->next;
    *(node->next != NULL ? &node->next->previous : &inode->last) = node->previous;
    node->next = node->previous = NULL;
    node->inode = NULL;
}

static void link_inode(struct merged_node *node, struct merged_inode *inode)
{
    node->previous = inode->last;
    *(inode->last != NULL ? &inode->last->next : &inode->names) = node;
    inode->last = node;
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
    struct children children = {0};

    twalk_r(folder->children, collect_child, &children);
    for (size_t i = 0; i < children.count; i++)
        purge(children.nodes[i], layer);
    free(children.nodes);
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

static struct merged_inode *new_inode(struct archive_entry *entry)
{
    struct merged_inode *inode = xcalloc(1, sizeof *inode);

    if (archive_entry_filetype(entry) == AE_IFLNK && archive_entry_symlink(entry) != NULL)
        inode->symlink = xstrdup(archive_entry_symlink(entry));
    if (archive_entry_filetype(entry) == AE_IFDIR)
        inode->folder = archive_entry_clone(entry);
    return inode;
}

static void free_inode(struct merged_inode *inode)
{
    if (inode == NULL)
        return;
    free(inode->symlink);
    archive_entry_free(inode->folder);
    free(inode);
}

/* Notes INODE (or NULL) as what the next entry of LAYER made. */
static void note_place(struct places *places, struct merged_inode *inode)
{
    if (places->count == places->capacity) {
        places->capacity = places->capacity > 0 ? 2 * places->capacity : 256;
        places->inodes = xreallocarray(places->inodes, places->capacity, sizeof *places->inodes);
    }
    places->inodes[places->count++] = inode;
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

    if (node == NULL || node->is_folder)
        return error_new(EXIT_INPUT, "a hard link leads to '%s', which is no file", target);
    *ret = node->inode;
    return NULL;
}

/* Puts a folder at NAME in FOLDER, merging it with one that is there. */
static void put_folder(struct merged_node *node, struct merged_inode *inode, size_t layer)
{
    unlink_inode(node);
    node->is_folder = true;
    node->layer = layer;
    link_inode(node, inode);
}

/* Puts INODE, which is no folder, at the node. */
static void put_file(struct merged_node *node, struct merged_inode *inode, size_t layer)
{
    if (node->inode == inode && !node->is_folder)
        return; /* a hard link to itself */
    unlink_inode(node);
    remove_children(node);
    node->is_folder = false;
    node->layer = layer;
    link_inode(node, inode);
}

/* Puts the entry at its path. *RET is what it made, or NULL for a hard link. */
static struct error *put(struct walk *walk, const char *last, size_t length,
                         struct archive_entry *entry, struct merged_inode **ret)
{
    const char *target = archive_entry_hardlink(entry);
    bool is_folder = target == NULL && archive_entry_filetype(entry) == AE_IFDIR;
    struct merged_inode *linked = NULL;

    if (length == 0 && !is_folder)
        return error_new(EXIT_INPUT, "the root is no folder");
    if (target != NULL)
        TRY(find_linked(walk->tree, walk->layer, target, &linked));
    struct merged_node *node = length > 0 ? find_child(walk->node, last, length) : walk->node;

    if (node == NULL)
        node = add_child(walk->node, last, length, walk->layer);
    if (linked == NULL)
        *ret = new_inode(entry);
    if (is_folder)
        put_folder(node, *ret, walk->layer);
    else
        put_file(node, linked != NULL ? linked : *ret, walk->layer);
    return NULL;
}

static struct error *apply(struct merged_tree *tree, size_t layer, struct archive_entry *entry,
                           struct merged_inode **ret)
{
    const char *path = archive_entry_pathname(entry);
    struct walk walk = {.tree = tree, .layer = layer, .node = &tree->root};
    size_t length;

    TRY(check_path(path));
    if (is_aufs_path(path))
        return NULL;
    const char *last = last_part(path, &length);
    bool is_whiteout = length > strlen(WHITEOUT) && strncmp(last, WHITEOUT, strlen(WHITEOUT)) == 0;

    walk.make = !is_whiteout;
    TRY(walk_path(&walk, path, (size_t)(last - path)));
    if (!is_whiteout)
        return put(&walk, last, length, entry, ret);
    if (walk.node != NULL)
        apply_whiteout(walk.node, last, length, layer);
    return NULL;
}

struct error *merged_tree_apply(struct merged_tree *tree, size_t layer, struct archive_entry *entry)
{
    struct merged_inode *inode = NULL;

    if (++tree->entries > ENTRIES_MAX)
        return error_new(EXIT_INPUT, "the layers have more than %u entries", ENTRIES_MAX);
    struct error *err = apply(tree, layer, entry, &inode);

    note_place(&tree->layers[layer], inode);
    return err;
}

struct merged_tree *merged_tree_new(void)
{
    struct merged_tree *tree = xcalloc(1, sizeof *tree);

    tree->root.name = xstrdup("");
    tree->root.is_folder = true;
    return tree;
}

struct merged_inode *merged_tree_at(const struct merged_tree *tree, size_t layer, size_t number)
{
    const struct places *places = &tree->layers[layer];

    return number < places->count ? places->inodes[number] : NULL;
}

struct merged_node *merged_tree_root(struct merged_tree *tree)
{
    return &tree->root;
}

char *merged_node_path(const struct merged_node *node)
{
    size_t length = 0;

    if (node->parent == NULL)
        return xstrdup(".");
    for (const struct merged_node *n = node; n->parent != NULL; n = n->parent)
        length += strlen(n->name) + 1;
    char *path = xcalloc(length, 1);
    char *end = path + length - 1;

    for (const struct merged_node *n = node; n->parent != NULL; n = n->parent) {
        size_t part = strlen(n->name);

        end -= part;
        memcpy(end, n->name, part);
        if (n->parent->parent != NULL)
            *--end = '/';
    }
    return path;
}

void merged_tree_free(struct merged_tree *tree)
{
    if (tree == NULL)
        return;
    remove_children(&tree->root);
    for (size_t i = 0; i < IMAGE_LAYERS_MAX; i++) {
        for (size_t j = 0; j < tree->layers[i].count; j++)
            free_inode(tree->layers[i].inodes[j]);
        free(tree->layers[i].inodes);
    }
    free(tree->root.name);
    free(tree);
}

struct merged_node *merged_tree_find(const struct merged_tree *tree, const char *path)
{
    struct merged_node *node = (struct merged_node *)&tree->root;

    while (node != NULL && *path != '\0') {
        size_t length = strcspn(path, "/");

        if (length > 0)
            node = find_child(node, path, length);
        path += length;
        path += strspn(path, "/");
    }
    return node;
}
