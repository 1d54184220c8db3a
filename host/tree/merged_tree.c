#include "host/tree/merged_tree.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tree/path_tree.h"

#define ENTRIES_MAX (4u << 20) /* of all layers together */
#define DEPTH_MAX 8192         /* levels of directories: a tar of them grows with the square */
#define PATH_LENGTH_MAX (64u << 10)
#define SYMLINKS_MAX 40 /* in one path, as in Linux */

#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define OPAQUE ".wh..wh..opq"
#define AUFS_LINKS ".wh..wh.plnk"

struct merged_tree {
    struct path_tree *paths;
    size_t entries;
    size_t layer; /* of the last entry */
};

/* A walk through the tree. */
struct walk {
    struct path_tree *paths;
    size_t layer;
    bool make;    /* directories that are missing */
    bool blocked; /* it ended at something that is not a directory */
    struct path_node *node;
    unsigned int depth;
    unsigned int symlinks;
};

/* Releases the inode DATA, which one path less leads to; NULL is allowed. */
static void unlink_inode(void *data)
{
    struct merged_inode *inode = data;

    if (inode == NULL || --inode->paths > 0)
        return;
    free(inode->symlink);
    free(inode->first);
    free(inode);
}

/* Makes NODE a path to INODE in place of the one it had. */
static void link_inode(struct path_node *node, struct merged_inode *inode)
{
    assert(inode != NULL);
    inode->paths++;
    unlink_inode(node->data);
    node->data = inode;
}

/* Removes what layers below LAYER left of NODE alone, below which that is done; NODE itself unless
 * LAYER has something of it. */
static void purge_node(struct path_tree *paths, struct path_node *node, size_t layer)
{
    if (node->owner == layer)
        return;
    if (node->children == NULL) {
        path_tree_remove(paths, node);
        return;
    }
    /* A directory of a lower layer in which this layer put something, without an entry for it. */
    unlink_inode(STEAL(node->data));
    node->owner = layer;
}

/* Removes what layers below LAYER left below FOLDER. */
static void purge_children(struct path_tree *paths, struct path_node *folder, size_t layer)
{
    CLEANUP(path_walk_free) struct path_walk walk;
    struct path_node *node;
    bool leaves;

    path_walk_start(folder, &walk);
    while ((node = path_walk_next(&walk, &leaves)) != NULL)
        if (leaves)
            purge_node(paths, node, layer);
}

/* Removes what layers below LAYER left of NODE and below it. */
static void purge(struct path_tree *paths, struct path_node *node, size_t layer)
{
    purge_children(paths, node, layer);
    purge_node(paths, node, layer);
}

static struct error *walk_path(struct walk *walk, const char *path, size_t length);

/* Goes from WALK's directory through a symlink in it that leads to TARGET. */
static struct error *walk_symlink(struct walk *walk, const char *target)
{
    if (++walk->symlinks > SYMLINKS_MAX)
        return error_new(EXIT_INPUT, "a path leads through more than %d symlinks", SYMLINKS_MAX);
    if (*target == '/') {
        walk->node = path_tree_root(walk->paths);
        walk->depth = 0;
    }
    return walk_path(walk, target, strlen(target));
}

/* Where NODE leads to if it is a symlink, else NULL. */
static const char *symlink_of(const struct path_node *node)
{
    const struct merged_inode *inode = node != NULL && !node->is_folder ? node->data : NULL;

    return inode != NULL ? inode->symlink : NULL;
}

/* Whether a symlink to TARGET in WALK's directory leads to something that is not a directory. */
static struct error *leads_to_file(const struct walk *walk, const char *target, bool *ret)
{
    struct walk trial = *walk;

    trial.make = trial.blocked = false;
    TRY(walk_symlink(&trial, target));
    *ret = trial.blocked;
    return NULL;
}

/* Makes the directory NAME in WALK's. CHILD is what is there instead, or NULL: a file of a lower
 * layer, or a symlink to one, gives way. */
static struct error *make_folder(struct walk *walk, const char *name, size_t length,
                                 struct path_node **child)
{
    if (*child != NULL && (*child)->owner == walk->layer)
        return error_new(EXIT_INPUT,
                         "'%.*s' is not a directory, but the layer has entries below it",
                         (int)length, name);
    if (*child != NULL)
        path_tree_remove(walk->paths, *child);
    *child = path_tree_add(walk->node, name, length, walk->layer);
    return NULL;
}

/* Goes from WALK's directory to its child NAME, a directory. The node is NULL afterwards if there
 * is none and none is to be made. */
static struct error *walk_part(struct walk *walk, const char *name, size_t length)
{
    struct path_node *child = path_tree_child(walk->node, name, length);
    const char *target = symlink_of(child);
    bool is_file = false;

    if (target != NULL && walk->make)
        TRY(leads_to_file(walk, target, &is_file));
    if (target != NULL && !is_file)
        return walk_symlink(walk, target);
    if (child == NULL || !child->is_folder) {
        if (!walk->make) {
            walk->node = NULL;
            walk->blocked = child != NULL;
            return NULL;
        }
        TRY(make_folder(walk, name, length, &child));
    }
    if (++walk->depth > DEPTH_MAX)
        return error_new(EXIT_INPUT, "directories are nested more than %d deep", DEPTH_MAX);
    walk->node = child;
    return NULL;
}

/* Goes along the directories of PATH. ".." in a symlink's target stops at the root. */
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

/* Refuses names that lead out of the root. */
static struct error *check_path(const char *path)
{
    if (path == NULL)
        return error_new(EXIT_INPUT, "an entry has no name");
    if (strlen(path) > PATH_LENGTH_MAX)
        return error_new(EXIT_INPUT, "a path is longer than %u bytes", PATH_LENGTH_MAX);
    for (const char *part = path; *part != '\0';) {
        size_t length = strcspn(part, "/");

        if (length == 2 && strncmp(part, "..", 2) == 0)
            return error_new(EXIT_INPUT, "path '%s' contains '..'", path);
        part += length;
        part += strspn(part, "/");
    }
    return NULL;
}

/* Skips slashes and "." parts. */
static const char *skip_empty_parts(const char *path)
{
    while (*path == '/' || (path[0] == '.' && (path[1] == '/' || path[1] == '\0')))
        path++;
    return path;
}

/* Whether PATH is one of aufs' own files, which it keeps in the root of a layer. Those that hard
 * links may lead to stay until the end of the layer. */
static bool is_aufs_path(const char *path)
{
    const char *first = skip_empty_parts(path);
    size_t length = strcspn(first, "/");
    bool is_last = *skip_empty_parts(first + length) == '\0';

    if (strncmp(first, WHITEOUT_META, strlen(WHITEOUT_META)) != 0 ||
        (is_last && length == strlen(OPAQUE) && strncmp(first, OPAQUE, length) == 0))
        return false;
    return is_last || length != strlen(AUFS_LINKS) || strncmp(first, AUFS_LINKS, length) != 0;
}

static void drop_aufs_links(struct merged_tree *tree)
{
    struct path_node *node =
        path_tree_child(path_tree_root(tree->paths), AUFS_LINKS, strlen(AUFS_LINKS));

    if (node != NULL)
        path_tree_remove(tree->paths, node);
}

/* Makes the directory of the opaque marker PATH, which ends at its LENGTH, if it is a file or a
 * symlink of a lower layer: that symlink is not followed. */
static struct error *make_opaque_folder(const struct walk *start, const char *path, size_t length)
{
    CLEANUP(freep) char *folder = xstrndup(path, length);
    struct walk walk = *start;
    size_t last_length;
    const char *last = last_part(folder, &last_length);

    if (last_length == 0)
        return NULL;
    TRY(walk_path(&walk, folder, (size_t)(last - folder)));
    struct path_node *child =
        walk.node != NULL ? path_tree_child(walk.node, last, last_length) : NULL;

    if (child == NULL || child->is_folder || child->owner == walk.layer)
        return NULL;
    return make_folder(&walk, last, last_length, &child);
}

/* Applies the whiteout NAME of LENGTH bytes in WALK's directory. */
static void apply_whiteout(struct walk *walk, const char *name, size_t length)
{
    if (length == strlen(OPAQUE) && strncmp(name, OPAQUE, length) == 0) {
        purge_children(walk->paths, walk->node, walk->layer);
        return;
    }
    size_t prefix = strlen(WHITEOUT);
    struct path_node *node = path_tree_child(walk->node, name + prefix, length - prefix);

    if (node != NULL)
        purge(walk->paths, node, walk->layer);
}

/* The inode that a hard link to TARGET shares. */
static struct error *find_linked(struct path_tree *paths, size_t layer, const char *target,
                                 struct merged_inode **ret)
{
    struct walk walk = {.paths = paths, .layer = layer, .node = path_tree_root(paths)};
    size_t length;

    TRY(check_path(target));
    const char *last = last_part(target, &length);

    TRY(walk_path(&walk, target, (size_t)(last - target)));
    struct path_node *node = walk.node != NULL ? path_tree_child(walk.node, last, length) : NULL;

    if (node == NULL || node->is_folder || node->data == NULL)
        return error_new(EXIT_INPUT, "a hard link leads to '%s', which is not a file", target);
    *ret = node->data;
    return NULL;
}

/* Finds the inode that ENTRY at OFFSET makes; a hard link shares an existing one. */
static struct error *find_inode(struct walk *walk, uint64_t offset, struct archive_entry *entry,
                                struct merged_inode **ret)
{
    const char *linked = archive_entry_hardlink(entry);
    const char *symlink =
        archive_entry_filetype(entry) == AE_IFLNK ? archive_entry_symlink(entry) : NULL;

    if (linked != NULL)
        return find_linked(walk->paths, walk->layer, linked, ret);
    *ret = xcalloc(1, sizeof **ret);
    (*ret)->layer = walk->layer;
    (*ret)->offset = offset;
    (*ret)->size = (uint64_t)archive_entry_size(entry);
    (*ret)->symlink = symlink != NULL ? xstrdup(symlink) : NULL;
    return NULL;
}

/* Whether ENTRY is overlayfs' own whiteout, which it is for Docker even in a layer's tar. */
static bool is_overlay_whiteout(struct archive_entry *entry)
{
    return archive_entry_hardlink(entry) == NULL && archive_entry_filetype(entry) == AE_IFCHR &&
           archive_entry_rdevmajor(entry) == 0 && archive_entry_rdevminor(entry) == 0;
}

/* Puts the entry at the name LAST of LENGTH bytes in WALK's directory. */
static struct error *put(struct walk *walk, const char *last, size_t length, uint64_t offset,
                         struct archive_entry *entry)
{
    bool is_folder =
        archive_entry_hardlink(entry) == NULL && archive_entry_filetype(entry) == AE_IFDIR;
    struct merged_inode *inode = NULL;

    if (length == 0 && !is_folder)
        return error_new(EXIT_INPUT, "the root is not a directory");
    struct path_node *node = length > 0 ? path_tree_child(walk->node, last, length) : walk->node;

    if (is_overlay_whiteout(entry)) {
        if (node != NULL)
            path_tree_remove(walk->paths, node);
        return NULL;
    }
    TRY(find_inode(walk, offset, entry, &inode));
    if (node == NULL)
        node = path_tree_add(walk->node, last, length, walk->layer);
    link_inode(node, inode);
    if (!is_folder)
        path_tree_clear(walk->paths, node);
    node->is_folder = is_folder;
    node->owner = walk->layer;
    return NULL;
}

/* Whether the LENGTH bytes at NAME, of a whiteout, are no name in its directory. */
static bool names_nothing(const char *name, size_t length)
{
    return length == 0 || (length <= 2 && strncmp(name, "..", length) == 0);
}

struct error *merged_tree_apply(struct merged_tree *tree, size_t layer, uint64_t offset,
                                struct archive_entry *entry)
{
    const char *path = archive_entry_pathname(entry);
    struct walk walk = {.paths = tree->paths, .layer = layer, .node = path_tree_root(tree->paths)};
    size_t length;

    if (layer != tree->layer)
        drop_aufs_links(tree);
    tree->layer = layer;
    if (++tree->entries > ENTRIES_MAX)
        return error_new(EXIT_INPUT, "the layers have more than %u entries", ENTRIES_MAX);
    TRY(check_path(path));
    if (is_aufs_path(path))
        return NULL;
    const char *last = last_part(path, &length);
    bool is_whiteout = strncmp(last, WHITEOUT, strlen(WHITEOUT)) == 0;

    if (is_whiteout && names_nothing(last + strlen(WHITEOUT), length - strlen(WHITEOUT)))
        return error_new(EXIT_INPUT, "'%s' is not a whiteout of a name", path);
    if (is_whiteout && length == strlen(OPAQUE) && strncmp(last, OPAQUE, length) == 0)
        TRY(make_opaque_folder(&walk, path, (size_t)(last - path)));
    walk.make = !is_whiteout;
    TRY(walk_path(&walk, path, (size_t)(last - path)));
    if (!is_whiteout)
        return put(&walk, last, length, offset, entry);
    if (walk.node != NULL)
        apply_whiteout(&walk, last, length);
    return NULL;
}

struct merged_tree *merged_tree_new(void)
{
    struct merged_tree *tree = xcalloc(1, sizeof *tree);

    tree->paths = path_tree_new(unlink_inode);
    return tree;
}

struct error *merged_tree_find(struct merged_tree *tree, const char *path, struct path_node **ret)
{
    struct walk walk = {.paths = tree->paths, .node = path_tree_root(tree->paths)};
    const char *next = path;

    drop_aufs_links(tree);
    while (next != NULL) {
        size_t length;
        const char *last = last_part(next, &length);

        path = next;
        next = NULL;
        if (*path == '/') {
            walk.node = path_tree_root(tree->paths);
            walk.depth = 0;
        }
        TRY(walk_path(&walk, path, (size_t)(last - path)));
        if (walk.node == NULL || length == 0)
            break;
        struct path_node *child = path_tree_child(walk.node, last, length);

        if (length == 2 && strncmp(last, "..", 2) == 0)
            TRY(walk_path(&walk, last, length));
        else if (symlink_of(child) == NULL)
            walk.node = child;
        else
            next = symlink_of(child);
        if (next != NULL && ++walk.symlinks > SYMLINKS_MAX)
            return error_new(EXIT_INPUT, "a path leads through more than %d symlinks",
                             SYMLINKS_MAX);
    }
    *ret = walk.node;
    return NULL;
}

struct error *merged_tree_each(struct merged_tree *tree, merged_visit visit, void *context)
{
    drop_aufs_links(tree);
    return merged_tree_each_in(path_tree_root(tree->paths), visit, context);
}

struct error *merged_tree_each_in(struct path_node *top, merged_visit visit, void *context)
{
    CLEANUP(buffer_free) struct buffer path = {0};
    CLEANUP(path_walk_free) struct path_walk walk = {0};
    struct path_node *node;
    bool leaves;

    TRY(visit(context, top, "."));
    buffer_append(&path, "", 0);
    path_walk_start(top, &walk);
    while ((node = path_walk_next(&walk, &leaves)) != NULL) {
        size_t length = strlen(node->name);

        if (leaves) {
            path.length -= length + (path.length > length);
            path.data[path.length] = '\0';
            continue;
        }
        if (path.length > 0)
            buffer_append(&path, "/", 1);
        buffer_append(&path, node->name, length);
        TRY(visit(context, node, path.data));
    }
    return NULL;
}

void merged_tree_free(struct merged_tree *tree)
{
    if (tree == NULL)
        return;
    path_tree_free(tree->paths);
    free(tree);
}

const struct path_node *merged_tree_root(const struct merged_tree *tree)
{
    return path_tree_root(tree->paths);
}

bool merged_tree_has(const struct merged_tree *tree, const char *path)
{
    return path_tree_find(tree->paths, path) != NULL;
}

bool merged_tree_has_folder(const struct merged_tree *tree, const char *path)
{
    const struct path_node *node = path_tree_find(tree->paths, path);

    return node != NULL && node->is_folder;
}
