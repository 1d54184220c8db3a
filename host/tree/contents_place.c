#include "host/tree/contents_place.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define SYMLINKS_MAX 40 /* in one path, as Linux has it */

/* A directory on the way, with what it is in the layer and in the base: NULL if it is not there. */
struct step {
    const struct path_node *laid, *base;
    size_t end; /* length of its path */
};

struct walk {
    struct contents_places *places;
    struct buffer path; /* as far as it was walked, without symlinks */
    struct step *steps; /* the root, and each directory of PATH */
    size_t count, capacity;
    unsigned int symlinks;
    const char *target; /* of the symlink that is being followed; NULL: none is */
    char *link;         /* the path of that symlink: of the first, if one leads to others */
    bool link_in_base;
    bool is_lenient; /* what is missing, or not a directory, is not refused */
};

void contents_node_free(void *data)
{
    struct contents_node *node = data;

    free(node->symlink);
    free(node);
}

static void free_walk(struct walk *walk)
{
    buffer_free(&walk->path);
    free(walk->steps);
    free(walk->link);
}

/* Goes to a directory that is LAID in the layer and BASE in the base, and whose path is WALK's. */
static void enter(struct walk *walk, const struct path_node *laid, const struct path_node *base)
{
    if (walk->count == walk->capacity) {
        walk->capacity = walk->capacity > 0 ? 2 * walk->capacity : 16;
        walk->steps = xreallocarray(walk->steps, walk->capacity, sizeof *walk->steps);
    }
    walk->steps[walk->count++] = (struct step){laid, base, walk->path.length};
}

static void cut(struct walk *walk, size_t count)
{
    walk->count = count;
    walk->path.length = walk->steps[count - 1].end;
    if (walk->path.data != NULL)
        walk->path.data[walk->path.length] = '\0';
}

/* A node's symlink target; NULL if it is not a symlink. */
static const char *laid_symlink(const struct path_node *node)
{
    const struct contents_node *data = node->data;

    return node->is_folder || data == NULL ? NULL : data->symlink;
}

static const char *base_symlink(const struct path_node *node)
{
    const struct merged_inode *inode = node->data;

    return node->is_folder || inode == NULL ? NULL : inode->symlink;
}

static const char *whose(bool in_base)
{
    return in_base ? " of the base image" : "";
}

/* What is at WALK's path, or nothing if IS_MISSING, is in the way. */
static struct error *stop(struct walk *walk, bool in_base, bool is_missing)
{
    if (walk->is_lenient) {
        enter(walk, NULL, NULL);
        return NULL;
    }
    if (walk->target == NULL)
        return error_new(EXIT_INPUT, "'/%s'%s is not a directory", walk->path.data, whose(in_base));
    return error_new(EXIT_INPUT, "'/%s'%s is a symlink to '%s', %s", walk->link,
                     whose(walk->link_in_base), walk->target,
                     is_missing ? "which does not exist" : "which is not a directory");
}

static struct error *walk_path(struct walk *walk, const char *path);

/* Goes through a symlink to TARGET, whose path is WALK's. */
static struct error *walk_symlink(struct walk *walk, const char *target, bool in_base)
{
    bool is_first = walk->target == NULL;

    if (is_first) {
        free(walk->link);
        walk->link = xstrdup(walk->path.data);
        walk->link_in_base = in_base;
        walk->target = target;
    }
    if (++walk->symlinks > SYMLINKS_MAX)
        return error_new(EXIT_INPUT, "'/%s'%s leads through more than %d symlinks", walk->link,
                         whose(walk->link_in_base), SYMLINKS_MAX);
    cut(walk, *target == '/' ? 1 : walk->count);
    TRY(walk_path(walk, target));
    if (is_first)
        walk->target = NULL;
    return NULL;
}

/* Whether NODE, which is not a directory, gives way to one. */
static bool gives_way(const struct walk *walk, const struct path_node *node)
{
    return walk->target == NULL && laid_symlink(node) == NULL &&
           node->owner >= walk->places->replaceable;
}

/* Goes to the directory NAME of LENGTH bytes, which need not exist yet unless a symlink leads
 * there. */
static struct error *walk_part(struct walk *walk, const char *name, size_t length)
{
    const struct step at = walk->steps[walk->count - 1];
    const struct path_node *laid = at.laid != NULL ? path_tree_child(at.laid, name, length) : NULL;
    const struct path_node *base = at.base != NULL ? path_tree_child(at.base, name, length) : NULL;

    if (walk->path.length > 0)
        buffer_append(&walk->path, "/", 1);
    buffer_append(&walk->path, name, length);
    if (laid != NULL && !laid->is_folder) {
        if (laid_symlink(laid) != NULL)
            return walk_symlink(walk, laid_symlink(laid), false);
        if (!gives_way(walk, laid))
            return stop(walk, false, false);
        laid = base = NULL;
    }
    if (laid == NULL && base != NULL && base_symlink(base) != NULL)
        return walk_symlink(walk, base_symlink(base), true);
    if (base != NULL && !base->is_folder && laid == NULL)
        return stop(walk, true, false);
    if (laid == NULL && base == NULL && walk->target != NULL)
        return stop(walk, false, true);
    enter(walk, laid, base != NULL && base->is_folder ? base : NULL);
    return NULL;
}

/* Goes along PATH. ".." stops at the root. */
static struct error *walk_path(struct walk *walk, const char *path)
{
    while (*path != '\0') {
        size_t length = strcspn(path, "/");

        if (length == 2 && memcmp(path, "..", 2) == 0)
            cut(walk, walk->count > 1 ? walk->count - 1 : 1);
        else if (length > 0 && !(length == 1 && *path == '.'))
            TRY(walk_part(walk, path, length));
        path += length;
        path += strspn(path, "/");
    }
    return NULL;
}

/* Starts WALK, whose places are set, at the root; PATH is where it will go. */
static struct error *start(struct walk *walk, const char *path)
{
    const struct contents_places *places = walk->places;
    const struct merged_tree *base = NULL;

    if (places->base != NULL && *path != '\0')
        TRY(places->base(places->base_context, &base));
    buffer_append(&walk->path, "", 0);
    enter(walk, path_tree_root(places->tree), base != NULL ? merged_tree_root(base) : NULL);
    return NULL;
}

/* Finds the directory PATH and remembers it. */
static struct error *find_folder(struct contents_places *places, const char *path)
{
    CLEANUP(free_walk) struct walk walk = {.places = places};

    if (places->named != NULL && strcmp(places->named, path) == 0)
        return NULL;
    TRY(start(&walk, path));
    TRY(walk_path(&walk, path));
    contents_places_free(places);
    places->named = xstrdup(path);
    places->found = buffer_steal(&walk.path);
    return NULL;
}

struct error *contents_places_follow(struct contents_places *places, const char *path, char **ret)
{
    CLEANUP(free_walk) struct walk walk = {.places = places, .is_lenient = true};

    TRY(start(&walk, path));
    TRY(walk_path(&walk, path));
    *ret = buffer_steal(&walk.path);
    return NULL;
}

struct error *contents_places_has_folder(struct contents_places *places, const char *path,
                                         bool *ret)
{
    CLEANUP(free_walk) struct walk walk = {.places = places};

    TRY(start(&walk, path));
    CLEANUP(error_freep) struct error *obstacle = walk_path(&walk, path);
    const struct step *last = &walk.steps[walk.count - 1];

    *ret = obstacle == NULL && (last->laid != NULL || last->base != NULL);
    return NULL;
}

struct error *contents_places_find(struct contents_places *places, const char *path, bool is_folder,
                                   char **ret)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(freep)
    char *above = slash != NULL ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");

    TRY(find_folder(places, is_folder ? path : above));
    if (is_folder || *places->found == '\0')
        *ret = xstrdup(is_folder ? places->found : slash != NULL ? slash + 1 : path);
    else
        *ret = xasprintf("%s/%s", places->found, slash + 1);
    return NULL;
}

void contents_places_free(struct contents_places *places)
{
    free(STEAL(places->named));
    free(STEAL(places->found));
}
