#include "host/tree/contents.h"

#include <archive_entry.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/image/layer_check.h"
#include "host/image/layer_holes.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tar/archive_cleanup.h"
#include "host/tree/contents_place.h"
#include "host/tree/contents_rules.h"
#include "host/tree/contents_source.h"
#include "host/tree/contents_target.h"
#include "host/tree/link_group.h"
#include "host/tree/path_tree.h"

#define ID_MAX INT64_C(4294967294) /* 2^32-1 means "no change" to chown */

#define DEPTH_MAX 8192 /* levels of directories: a tar of them grows with the square */

/* An entry that lies elsewhere than its own path leads, since that goes through symlinks. */
struct moved {
    uint64_t number;
    char *path;
};

/* What the first pass found of a source, for the second. */
struct found {
    uint64_t first_number; /* of its entries */
    uint64_t names_hash;
};

struct merge {
    const struct contents *contents;
    struct path_tree *tree;
    struct path_tree *excluded; /* names in the source that are left out, with contents_node as
                                 * data: others may be links to them */
    struct contents_places places;
    struct link_groups groups;
    struct moved *moved; /* in the order of their numbers */
    size_t moved_count, moved_capacity;
    struct found *found; /* of each source: the closure's first, then those of `contents` */

    const struct contents_source *source; /* being visited */
    uint64_t scope;                       /* see struct link_key */
    uint64_t first_number;                /* of the source's entries */
    uint64_t closure_number;              /* the first of the closure's entries */
    uint64_t entry_number;                /* over all sources; the owner of a path in the tree */
    uint64_t names_hash;                  /* of the source's names up to here */

    struct contents_target *target;
};

/* The group of the file DEVICE, INODE in the current scope, or NULL. MAKE: adds one. */
static struct link_group *find_group(struct merge *merge, uint64_t device, uint64_t inode,
                                     bool make)
{
    struct link_key key = {.scope = merge->scope, .device = device, .inode = inode};

    return link_groups_find(&merge->groups, key, make);
}

/* Returns what NODE's file has beside its path; made if there is none. */
static struct contents_node *node_data(struct path_node *node)
{
    if (node->data == NULL)
        node->data = xcalloc(1, sizeof(struct contents_node));
    return node->data;
}

static void set_symlink(struct path_node *node, const char *target)
{
    if (target != NULL)
        node_data(node)->symlink = xstrdup(target);
}

/* The group of NODE's file, or NULL. */
static struct link_group *node_group(const struct path_node *node)
{
    const struct contents_node *data = node->data;

    return data != NULL ? data->group : NULL;
}

/* Sets *RET, which the caller frees, to where PATH of the source lies. */
static struct error *find_place(struct merge *merge, const char *path, bool is_folder, char **ret)
{
    return error_context(contents_places_find(&merge->places, path, is_folder, ret),
                         "lay '%s' of '%s'", path, merge->source->path);
}

/* Remembers for the second pass that entry NUMBER lies at PATH. */
static void add_moved(struct merge *merge, uint64_t number, const char *path)
{
    if (merge->moved_count == merge->moved_capacity) {
        merge->moved_capacity = merge->moved_capacity > 0 ? 2 * merge->moved_capacity : 16;
        merge->moved = xreallocarray(merge->moved, merge->moved_capacity, sizeof *merge->moved);
    }
    merge->moved[merge->moved_count++] = (struct moved){number, xstrdup(path)};
}

static int by_number(const void *key, const void *item)
{
    uint64_t number = *(const uint64_t *)key, other = ((const struct moved *)item)->number;

    return number < other ? -1 : number > other;
}

/* Where entry NUMBER, whose own path is PATH, lies. The caller's. */
static char *place_of(const struct merge *merge, uint64_t number, const char *path)
{
    const struct moved *moved = NULL;

    if (merge->moved_count > 0)
        moved = bsearch(&number, merge->moved, merge->moved_count, sizeof *moved, by_number);
    return xstrdup(moved != NULL ? moved->path : path);
}

/* Whether the image below has PATH. */
static struct error *base_has(const struct merge *merge, const char *path, bool *ret)
{
    const struct merged_tree *tree = NULL;

    *ret = false;
    if (merge->contents->base == NULL)
        return NULL;
    TRY(merge->contents->base(merge->contents->base_context, &tree));
    *ret = merged_tree_has(tree, path);
    return NULL;
}

/* The path of the source's NAME, symlinks not considered. The caller's. */
static char *path_of(const struct contents_source *source, const char *name)
{
    if (source->target == NULL || *source->target == '\0')
        return xstrdup(name);
    return xasprintf("%s/%s", source->target, name);
}

/* Whether the current source, a closure, leaves out its entry at PATH, as `contents` or the image
 * below has it. */
static struct error *is_left_out(const struct merge *merge, const char *path, bool is_folder,
                                 bool *ret)
{
    *ret = false;
    if (!merge->source->at_own_path)
        return NULL;
    const struct path_node *node = path_tree_find(merge->tree, path);
    bool is_implied = node != NULL && node->owner == PATH_TREE_IMPLIED;

    if (node != NULL && (is_implied ? !is_folder : node->owner < merge->closure_number)) {
        *ret = true;
        return NULL;
    }
    return base_has(merge, path, ret);
}

/* Counts an entry of the current source. Returns its number. */
static uint64_t begin_entry(struct merge *merge, const char *path)
{
    for (const char *byte = path;; byte++) { /* FNV-1a */
        merge->names_hash = (merge->names_hash ^ (unsigned char)*byte) * UINT64_C(0x100000001b3);
        if (*byte == '\0')
            break;
    }
    return merge->entry_number++;
}

/* Returns the group of a directory's file that has more than one name, or NULL. */
static struct link_group *group_of_inode(struct merge *merge, struct archive_entry *entry,
                                         bool make)
{
    if (archive_entry_filetype(entry) == AE_IFDIR || archive_entry_nlink(entry) < 2)
        return NULL;
    return find_group(merge, (uint64_t)archive_entry_dev(entry),
                      (uint64_t)archive_entry_ino64(entry), make);
}

/* Returns the node of the source's NAME, a file so far: if it is left out, that which it has among
 * those. NULL if there is none. Its path in the tree is *RET_PLACE, which the caller frees. */
static struct error *find_named(struct merge *merge, const char *name, struct path_node **ret,
                                char **ret_place)
{
    struct path_node *node = path_tree_find(merge->excluded, name);
    CLEANUP(freep) char *path = path_of(merge->source, name);

    *ret = NULL;
    if (node != NULL && !node->is_folder) {
        *ret = node;
        *ret_place = xstrdup(name);
        return NULL;
    }
    TRY(find_place(merge, path, false, ret_place));
    node = path_tree_find(merge->tree, *ret_place);
    if (node != NULL && !node->is_folder && node->owner >= merge->first_number)
        *ret = node;
    return NULL;
}

/* Finds the file that TARGET, to which PATH is a hard link, is so far. */
static struct error *find_linked(struct merge *merge, const char *path, const char *target,
                                 struct path_node **ret)
{
    CLEANUP(freep) char *place = NULL;
    struct path_node *node = NULL;

    TRY(find_named(merge, target, &node, &place));
    if (node == NULL)
        return error_new(EXIT_INPUT,
                         "read tarball '%s': '%s' is a hard link to '%s', which is not a file that "
                         "comes before it",
                         merge->source->path, path, target);
    if (node_group(node) == NULL) {
        struct link_group *group = find_group(merge, 0, node->owner, true);

        link_group_add(group, place, node->owner);
        node_data(node)->group = group;
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
static void give_place(struct merge *merge, struct path_tree *tree, struct contents_entry *entry,
                       const char *place, uint64_t number, const struct path_node *linked)
{
    struct archive_entry *header = entry->entry;
    CLEANUP(freep) char *target = NULL; /* LINKED may be what is replaced */
    struct link_group *group = NULL;

    if (symlink_target(header, linked) != NULL)
        target = xstrdup(symlink_target(header, linked));
    if (linked != NULL)
        group = node_group(linked);
    else if (entry->tarball == NULL)
        group = group_of_inode(merge, header, true);
    struct path_node *node =
        path_tree_put(tree, place, archive_entry_filetype(header) == AE_IFDIR, number);

    set_symlink(node, target);
    if (group == NULL)
        return;
    node_data(node)->group = group;
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
static struct error *check_entry(const struct merge *merge, const struct contents_entry *entry,
                                 const char *path)
{
    const struct contents_source *source = merge->source;
    int64_t uid = archive_entry_uid(entry->entry), gid = archive_entry_gid(entry->entry);

    if (strlen(path) > LAYER_PATH_MAX || count_levels(path) > DEPTH_MAX)
        return error_new(EXIT_INPUT,
                         "read '%s': the path '%.100s...' has more than %u bytes or %d directories",
                         source->path, path, LAYER_PATH_MAX, DEPTH_MAX);
    if (entry->excluded || contents_target_is_folder(merge->target))
        return NULL;
    if (is_whiteout(path))
        return error_new(EXIT_INPUT,
                         "read '%s': a layer cannot hold '%s', a name that begins with '.wh.'",
                         source->path, path);
    if (source->keep_owner && (uid < 0 || uid > ID_MAX || gid < 0 || gid > ID_MAX))
        return error_new(EXIT_INPUT,
                         "read '%s': the owner %" PRId64 ":%" PRId64 " of '%s' is out of range",
                         source->path, uid, gid, path);
    return NULL;
}

/* First pass: gives the entry its path, and records links. */
static struct error *index_entry(void *context, struct contents_entry *entry)
{
    struct merge *merge = context;
    const char *name = archive_entry_pathname(entry->entry);
    const char *link = archive_entry_hardlink(entry->entry);
    uint64_t number = begin_entry(merge, name);
    CLEANUP(freep) char *path = path_of(merge->source, name);
    CLEANUP(freep) char *place = NULL;
    struct path_node *linked = NULL;
    bool is_folder = archive_entry_filetype(entry->entry) == AE_IFDIR;
    bool left_out = false;

    TRY(check_entry(merge, entry, path));
    merge->places.replaceable = entry->tarball != NULL ? merge->first_number : UINT64_MAX;
    if (link != NULL)
        TRY(find_linked(merge, name, link, &linked));
    if (entry->excluded) {
        give_place(merge, merge->excluded, entry, name, number, linked);
        return NULL;
    }
    TRY(find_place(merge, path, is_folder, &place));
    TRY(is_left_out(merge, place, is_folder, &left_out));
    if (strcmp(place, path) != 0)
        add_moved(merge, number, place);
    if (!left_out && *place != '\0')
        give_place(merge, merge->tree, entry, place, number, linked);
    return NULL;
}

/* Sets what does not depend on the entry: owner and mode by the source's rules, the clamped time,
 * nothing of the host. */
static void make_portable(const struct merge *merge, struct archive_entry *entry)
{
    contents_rules_apply(merge->source, entry);
    if (contents_target_is_folder(merge->target)) {
        /* libarchive sets setuid and setgid only on the caller's own files. */
        archive_entry_set_uid(entry, geteuid());
        archive_entry_set_gid(entry, getegid());
    }
    if (archive_entry_mtime(entry) >= merge->contents->clamp)
        archive_entry_set_mtime(entry, merge->contents->clamp, 0);
    archive_entry_unset_atime(entry);
    archive_entry_unset_ctime(entry);
    archive_entry_unset_birthtime(entry);
    archive_entry_set_fflags(entry, 0, 0);
    archive_entry_copy_mac_metadata(entry, NULL, 0);
    archive_entry_set_nlink(entry, 1);
    /* A file's holes are not part of its content; for files of a directory they are not known
     * either. */
    archive_entry_sparse_clear(entry);
}

static struct error *write_folder(struct merge *merge, const char *path)
{
    CLEANUP(archive_entry_freep) struct archive_entry *entry = xallocated(archive_entry_new());

    archive_entry_set_pathname(entry, path);
    archive_entry_set_mode(entry, AE_IFDIR | 0755);
    archive_entry_set_size(entry, 0);
    archive_entry_set_mtime(
        entry, contents_target_is_folder(merge->target) ? 0 : merge->contents->clamp, 0);
    return contents_target_header(merge->target, entry, path);
}

/* Whether NODE is an implied directory that has not been written yet. */
static bool is_missing(const struct path_node *node)
{
    return node != NULL && node->parent != NULL && !node->emitted &&
           node->owner == PATH_TREE_IMPLIED;
}

/* Writes the implied directories above NODE that are not there yet, topmost first. If a layer
 * omitted them, the client would choose their modes and times. */
static struct error *write_implied_parents(struct merge *merge, struct path_node *node)
{
    CLEANUP(path_nodes_free) struct path_nodes missing = {0};

    if (merge->contents->bare)
        return NULL;
    for (struct path_node *at = node->parent; is_missing(at); at = at->parent)
        path_nodes_add(&missing, at);
    while (missing.count > 0) {
        struct path_node *folder = missing.items[--missing.count];
        CLEANUP(freep) char *path = path_tree_path(folder);
        bool there = false;

        folder->emitted = true;
        TRY(base_has(merge, path, &there));
        if (!there)
            TRY(write_folder(merge, path));
    }
    return NULL;
}

/* A file's names have one owner and mode: those with which its data was written. In a tarball the
 * headers of links need not have them. */
static void share_attributes(struct link_group *group, struct archive_entry *header)
{
    if (archive_entry_hardlink(header) == NULL) {
        group->mode = archive_entry_perm(header);
        group->uid = (uid_t)archive_entry_uid(header);
        group->gid = (gid_t)archive_entry_gid(header);
        return;
    }
    archive_entry_set_perm(header, group->mode);
    archive_entry_set_uid(header, group->uid);
    archive_entry_set_gid(header, group->gid);
}

/* Writes ENTRY, of GROUP unless that is NULL, at PATH with its data. */
static struct error *write_entry(struct merge *merge, struct contents_entry *entry,
                                 struct link_group *group, struct path_node *node, const char *path)
{
    struct archive_entry *header = entry->entry;
    bool has_data = archive_entry_filetype(header) == AE_IFREG &&
                    archive_entry_hardlink(header) == NULL && archive_entry_size(header) > 0;

    TRY(write_implied_parents(merge, node));
    node->emitted = true;
    archive_entry_set_pathname(header, path);
    make_portable(merge, header);
    if (group != NULL)
        share_attributes(group, header);
    if (!has_data)
        archive_entry_set_size(header, 0);
    TRY(contents_target_header(merge->target, header, path));
    if (has_data)
        TRY(contents_entry_copy(entry, merge->source->path, path,
                                contents_target_data(merge->target, path)));
    if (!contents_target_is_folder(merge->target))
        layer_note_holes(path, entry->holes);
    return contents_target_end_entry(merge->target, path);
}

/* Writes a tarball's linked file that lost its own path to another entry: the first of its links
 * that won a path gets the data. */
static struct error *promote_link(struct merge *merge, struct contents_entry *entry,
                                  struct link_group *group)
{
    for (size_t i = 0; i < group->name_count; i++) {
        struct path_node *node = path_tree_find(merge->tree, group->names[i].path);

        if (node == NULL || node->owner != group->names[i].owner)
            continue;
        group->emitted = xstrdup(group->names[i].path);
        return write_entry(merge, entry, group, node, group->emitted);
    }
    return NULL;
}

/* Makes HEADER a further name of the file TARGET, which has the xattrs already. */
static void make_link(struct archive_entry *header, const char *target)
{
    archive_entry_set_hardlink(header, target);
    archive_entry_xattr_clear(header);
    archive_entry_acl_clear(header);
}

/* Writes an entry of a file with several names, which won PATH. */
static struct error *write_linked(struct merge *merge, struct contents_entry *entry,
                                  struct link_group *group, struct path_node *node,
                                  const char *path)
{
    if (group->emitted != NULL && strcmp(group->emitted, path) == 0)
        return NULL;
    if (group->emitted == NULL)
        group->emitted = xstrdup(path);
    else
        make_link(entry->entry, group->emitted);
    return write_entry(merge, entry, group, node, path);
}

/* The group that entry NUMBER belongs to, or NULL. NODE, that of its path, is NULL if it lost the
 * path. */
static struct link_group *group_of_entry(struct merge *merge, const struct contents_entry *entry,
                                         const struct path_node *node, uint64_t number)
{
    if (entry->tarball == NULL)
        return group_of_inode(merge, entry->entry, false);
    if (archive_entry_hardlink(entry->entry) == NULL)
        return find_group(merge, 0, number, false);
    return node != NULL ? node_group(node) : NULL;
}

/* Second pass: writes the entry if it won its path. */
static struct error *emit_entry(void *context, struct contents_entry *entry)
{
    struct merge *merge = context;
    const char *name = archive_entry_pathname(entry->entry);
    uint64_t number = begin_entry(merge, name);
    CLEANUP(freep) char *own = path_of(merge->source, name);
    CLEANUP(freep) char *path = place_of(merge, number, own);
    struct path_node *node = path_tree_find(merge->tree, path);

    if (node != NULL && node->owner != number)
        node = NULL;
    struct link_group *group = group_of_entry(merge, entry, node, number);

    if (node == NULL && group != NULL && entry->tarball != NULL)
        return promote_link(merge, entry, group);
    if (node == NULL)
        return NULL;
    if (group != NULL)
        return write_linked(merge, entry, group, node, path);
    return write_entry(merge, entry, NULL, node, path);
}

/* The number of closure paths. */
static size_t closure_count(const struct contents *contents)
{
    return contents->closure != NULL ? contents->closure->count : 0;
}

/* First pass over source INDEX. */
static struct error *index_source(struct merge *merge, size_t index)
{
    merge->found[index].first_number = merge->entry_number;
    path_tree_clear(merge->excluded, path_tree_root(merge->excluded));
    TRY(contents_source_visit(merge->source, false, index_entry, merge));
    merge->found[index].names_hash = merge->names_hash;
    return NULL;
}

/* Second pass over source INDEX. */
static struct error *emit_source(struct merge *merge, size_t index)
{
    merge->entry_number = merge->found[index].first_number;
    TRY(contents_source_visit(merge->source, true, emit_entry, merge));
    if (merge->names_hash != merge->found[index].names_hash)
        return error_new(EXIT_INPUT, "read '%s': files were added or removed while it was read",
                         merge->source->path);
    return NULL;
}

/* Passes the sources from START up to END to PASS. */
static struct error *visit_sources(struct merge *merge, size_t start, size_t end,
                                   struct error *(*pass)(struct merge *merge, size_t index))
{
    const struct contents *contents = merge->contents;
    size_t closure = closure_count(contents);

    for (size_t i = start; i < end; i++) {
        struct contents_source own = {.at_own_path = true, .mode_rule = CONTENTS_MODE_KEEP};

        if (i < closure)
            own.path = contents->closure->items[i];
        merge->source = i < closure ? &own : &contents->sources[i - closure];
        merge->scope = i < closure ? 0 : i + 1;
        merge->first_number = merge->entry_number;
        merge->names_hash = UINT64_C(0xcbf29ce484222325);
        TRY(pass(merge, i));
    }
    return NULL;
}

/* The closure comes last where paths are given away, since it leaves out what is there, and first
 * where they are written, as what it has is mostly above. */
static struct error *merge_and_write(struct merge *merge)
{
    size_t closure = closure_count(merge->contents);
    size_t count = closure + merge->contents->source_count;

    merge->found = xcalloc(count, sizeof *merge->found);
    TRY(visit_sources(merge, closure, count, index_source));
    merge->closure_number = merge->entry_number;
    TRY(visit_sources(merge, 0, closure, index_source));
    TRY(visit_sources(merge, 0, count, emit_source));
    return contents_target_finish(merge->target);
}

static void free_merge(struct merge *merge)
{
    contents_places_free(&merge->places);
    path_tree_free(merge->tree);
    path_tree_free(merge->excluded);
    link_groups_free(&merge->groups);
    for (size_t i = 0; i < merge->moved_count; i++)
        free(merge->moved[i].path);
    free(merge->moved);
    free(merge->found);
}

/* Writes CONTENTS to TARGET, which is freed. */
static struct error *run(const struct contents *contents, struct contents_target *target)
{
    CLEANUP(contents_target_freep) struct contents_target *owned = target;
    CLEANUP(free_merge)
    struct merge merge = {.contents = contents,
                          .tree = path_tree_new(contents_node_free),
                          .excluded = path_tree_new(contents_node_free),
                          .target = owned};

    merge.places = (struct contents_places){
        .tree = merge.tree, .base = contents->base, .base_context = contents->base_context};
    return merge_and_write(&merge);
}

struct error *contents_write(const struct contents *contents, struct sink sink)
{
    struct contents_target *target = NULL;

    TRY(contents_target_tar(sink, &target));
    return run(contents, target);
}

struct error *contents_extract(const struct contents *contents, const char *folder)
{
    return run(contents, contents_target_folder(folder));
}
