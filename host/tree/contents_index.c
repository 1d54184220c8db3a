#include "host/tree/contents_index.h"

#include <archive_entry.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/image/layer_check.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tree/contents_merge.h"
#include "host/tree/contents_target.h"

#define ID_MAX INT64_C(4294967294) /* 2^32-1 means "no change" to chown */

#define DEPTH_MAX 8192 /* levels of directories: a tar of them grows with the square */

static void set_symlink(struct path_node *node, const char *target)
{
    if (target != NULL)
        contents_node_data(node)->symlink = xstrdup(target);
}

/* Sets *RET, which the caller frees, to where PATH of the source lies. */
static struct error *find_place(struct contents_merge *merge, const char *path, bool is_folder,
                                char **ret)
{
    return error_context(contents_places_find(&merge->places, path, is_folder, ret),
                         "lay '%s' of '%s'", path, contents_source_name(merge->source));
}

/* Sets *RET, which the caller frees, to where PATH, of the current source's target, leads. */
static struct error *follow(struct contents_merge *merge, const char *path, char **ret)
{
    return error_context(contents_places_follow(&merge->places, path, ret), "lay '%s'",
                         contents_source_name(merge->source));
}

/* Sets *RET, which the caller frees, to the path of the current source's NAME, with its target
 * followed if it is to be. */
static struct error *find_path(struct contents_merge *merge, const char *name, char **ret)
{
    const struct contents_source *source = merge->source;

    if (source->is_followed && source->kind == CONTENTS_DIRECTORY)
        return follow(merge, name, ret);
    if (!source->is_followed || source->target == NULL || *source->target == '\0') {
        *ret = contents_merge_own_path(source, name);
        return NULL;
    }
    if (merge->followed == NULL)
        TRY(follow(merge, source->target, &merge->followed));
    *ret = *merge->followed != '\0' ? xasprintf("%s/%s", merge->followed, name) : xstrdup(name);
    return NULL;
}

/* Whether the current source, a closure or a directory, leaves out its entry at PATH, as `contents`
 * or the image below has it. */
static struct error *is_left_out(const struct contents_merge *merge, const char *path,
                                 bool is_folder, bool *ret)
{
    *ret = false;
    bool is_directory = merge->source->kind == CONTENTS_DIRECTORY;

    if (!is_directory && merge->source->kind != CONTENTS_CLOSURE)
        return NULL;
    const struct path_node *node = path_tree_find(merge->tree, path);
    bool is_implied = node != NULL && node->owner == PATH_TREE_IMPLIED;

    if (node != NULL &&
        (is_directory || (is_implied ? !is_folder : node->owner < merge->closure_number))) {
        *ret = true;
        return NULL;
    }
    return contents_merge_base_has(merge, path, ret);
}

/* Returns the node of the source's NAME, a file so far: if it is left out, that which it has among
 * those. NULL if there is none. Its path in the tree is *RET_PLACE, which the caller frees. */
static struct error *find_named(struct contents_merge *merge, const char *name,
                                struct path_node **ret, char **ret_place)
{
    struct path_node *node = path_tree_find(merge->excluded, name);
    CLEANUP(freep) char *path = NULL;

    *ret = NULL;
    if (node != NULL && !node->is_folder) {
        *ret = node;
        *ret_place = xstrdup(name);
        return NULL;
    }
    TRY(find_path(merge, name, &path));
    TRY(find_place(merge, path, false, ret_place));
    node = path_tree_find(merge->tree, *ret_place);
    if (node != NULL && !node->is_folder && node->owner >= merge->first_number)
        *ret = node;
    return NULL;
}

/* Finds the file that TARGET, to which PATH is a hard link, is so far. */
static struct error *find_linked(struct contents_merge *merge, const char *path, const char *target,
                                 struct path_node **ret)
{
    CLEANUP(freep) char *place = NULL;
    struct path_node *node = NULL;

    TRY(find_named(merge, target, &node, &place));
    if (node == NULL)
        return error_new(EXIT_INPUT,
                         "read tarball '%s': '%s' is a hard link to '%s', which is not a file that "
                         "comes before it",
                         contents_source_name(merge->source), path, target);
    if (contents_node_group(node) == NULL) {
        struct link_group *group = contents_merge_group(merge, 0, node->owner, true);

        link_group_add(group, place, node->owner);
        contents_node_data(node)->group = group;
    }
    *ret = node;
    return NULL;
}

/* In a layer such a name would be a whiteout. */
static bool is_whiteout(const char *path)
{
    return strncmp(path, ".wh.", strlen(".wh.")) == 0 || strstr(path, "/.wh.") != NULL;
}

/* The target of the symlink that ENTRY is or, as a further name of LINKED, becomes; else NULL. */
static const char *symlink_target(struct archive_entry *entry, const struct path_node *linked)
{
    const struct contents_node *data = linked != NULL ? linked->data : NULL;

    if (linked != NULL)
        return data->symlink;
    return archive_entry_filetype(entry) == AE_IFLNK ? archive_entry_symlink(entry) : NULL;
}

/* Gives PLACE in TREE to entry NUMBER, a further name of the file LINKED if that is not NULL. */
static void give_place(struct contents_merge *merge, struct path_tree *tree,
                       struct contents_entry *entry, const char *place, uint64_t number,
                       const struct path_node *linked)
{
    struct archive_entry *header = entry->entry;
    CLEANUP(freep) char *target = NULL; /* LINKED may be what is replaced */
    struct link_group *group = NULL;

    if (symlink_target(header, linked) != NULL)
        target = xstrdup(symlink_target(header, linked));
    if (linked != NULL)
        group = contents_node_group(linked);
    else if (entry->tarball == NULL)
        group = contents_merge_inode_group(merge, header, true);
    struct path_node *node =
        path_tree_put(tree, place, archive_entry_filetype(header) == AE_IFDIR, number);

    set_symlink(node, target);
    if (group == NULL)
        return;
    contents_node_data(node)->group = group;
    link_group_add(group, place, number);
}

/* Returns the number of slashes in PATH. */
static size_t count_levels(const char *path)
{
    size_t count = 0;

    while ((path = strchr(path, '/')) != NULL) {
        path++;
        count++;
    }
    return count;
}

/* Refuses an entry, which is to lie at PATH, if a layer cannot hold it. */
static struct error *check_entry(const struct contents_merge *merge,
                                 const struct contents_entry *entry, const char *path)
{
    const struct contents_source *source = merge->source;
    int64_t uid = archive_entry_uid(entry->entry), gid = archive_entry_gid(entry->entry);

    if (strlen(path) > LAYER_PATH_MAX || count_levels(path) > DEPTH_MAX)
        return error_new(EXIT_INPUT,
                         "read '%s': the path '%.100s...' has more than %u bytes or %d directories",
                         contents_source_name(source), path, LAYER_PATH_MAX, DEPTH_MAX);
    if (entry->excluded || contents_target_is_folder(merge->target))
        return NULL;
    if (is_whiteout(path))
        return error_new(EXIT_INPUT,
                         "read '%s': a layer cannot hold '%s', a name that begins with '.wh.'",
                         contents_source_name(source), path);
    if (source->keep_owner && (uid < 0 || uid > ID_MAX || gid < 0 || gid > ID_MAX))
        return error_new(EXIT_INPUT,
                         "read '%s': the owner %" PRId64 ":%" PRId64 " of '%s' is out of range",
                         contents_source_name(source), uid, gid, path);
    return NULL;
}

/* Refuses a file that is to lie at PATH, where a directory is. */
static struct error *check_is_file(const struct contents_merge *merge, const char *path)
{
    const struct path_node *node = path_tree_find(merge->tree, path);
    bool in_base = false;

    if (merge->source->kind != CONTENTS_COPY && merge->source->kind != CONTENTS_TEXT)
        return NULL;
    if (node == NULL)
        TRY(contents_merge_base_has_folder(merge, path, &in_base));
    if (!in_base && (node == NULL || !node->is_folder))
        return NULL;
    return error_new(EXIT_INPUT, "lay '%s' of '%s': '/%s'%s is a directory",
                     contents_source_file_name(merge->source), contents_source_name(merge->source),
                     path, in_base ? " of the base image" : "");
}

/* Sets *PATH, that of the current entry in the source's target, to the target itself if a single
 * file is to become that. */
static struct error *find_exact(struct contents_merge *merge, char **path)
{
    const struct contents_source *source = merge->source;
    const char *target = merge->followed != NULL ? merge->followed : source->target;
    bool is_folder = false;

    if (!source->is_exact)
        return NULL;
    TRY(contents_places_has_folder(&merge->places, target, &is_folder));
    if (is_folder)
        return NULL;
    if (source->is_one_of_many)
        return error_new(
            EXIT_INPUT, "lay '%s': several files cannot all become '/%s', which is not a directory",
            contents_source_name(source), source->target);
    free(*path);
    *path = xstrdup(target);
    return NULL;
}

struct error *contents_index_entry(void *context, struct contents_entry *entry)
{
    struct contents_merge *merge = context;
    const char *name = archive_entry_pathname(entry->entry);
    const char *link = archive_entry_hardlink(entry->entry);
    uint64_t number = contents_merge_begin_entry(merge, name);
    CLEANUP(freep) char *own = contents_merge_own_path(merge->source, name);
    CLEANUP(freep) char *path = NULL;
    CLEANUP(freep) char *place = NULL;
    struct path_node *linked = NULL;
    bool is_folder = archive_entry_filetype(entry->entry) == AE_IFDIR;
    bool left_out = false;

    TRY(check_entry(merge, entry, own));
    merge->places.replaceable = entry->tarball != NULL ? merge->first_number : UINT64_MAX;
    if (link != NULL)
        TRY(find_linked(merge, name, link, &linked));
    if (entry->excluded) {
        give_place(merge, merge->excluded, entry, name, number, linked);
        return NULL;
    }
    TRY(find_path(merge, name, &path));
    TRY(find_exact(merge, &path));
    TRY(find_place(merge, path, is_folder && !merge->source->is_replacing, &place));
    TRY(check_entry(merge, entry, place));
    if (!is_folder)
        TRY(check_is_file(merge, place));
    TRY(is_left_out(merge, place, is_folder, &left_out));
    if (strcmp(place, own) != 0)
        contents_merge_move(merge, number, place);
    if (!left_out && *place != '\0')
        give_place(merge, merge->tree, entry, place, number, linked);
    return NULL;
}
