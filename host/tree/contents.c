#include "host/tree/contents.h"

#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/image/layer_holes.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tar/archive_cleanup.h"
#include "host/tree/contents_index.h"
#include "host/tree/contents_merge.h"
#include "host/tree/contents_rules.h"
#include "host/tree/contents_target.h"

/* Sets what does not depend on the entry: owner and mode by the source's rules, the clamped time,
 * nothing of the host. */
static void make_portable(const struct contents_merge *merge, struct archive_entry *entry)
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

static struct error *write_folder(struct contents_merge *merge, const char *path)
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
static struct error *write_implied_parents(struct contents_merge *merge, struct path_node *node)
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
        TRY(contents_merge_base_has(merge, path, &there));
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
static struct error *write_entry(struct contents_merge *merge, struct contents_entry *entry,
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
        TRY(contents_entry_copy(entry, contents_source_name(merge->source), path,
                                contents_target_data(merge->target, path)));
    if (!contents_target_is_folder(merge->target))
        layer_note_holes(path, entry->holes);
    return contents_target_end_entry(merge->target, path);
}

/* Writes a tarball's linked file that lost its own path to another entry: the first of its links
 * that won a path gets the data. */
static struct error *promote_link(struct contents_merge *merge, struct contents_entry *entry,
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
static struct error *write_linked(struct contents_merge *merge, struct contents_entry *entry,
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
static struct link_group *group_of_entry(struct contents_merge *merge,
                                         const struct contents_entry *entry,
                                         const struct path_node *node, uint64_t number)
{
    if (entry->tarball == NULL)
        return contents_merge_inode_group(merge, entry->entry, false);
    if (archive_entry_hardlink(entry->entry) == NULL)
        return contents_merge_group(merge, 0, number, false);
    return node != NULL ? contents_node_group(node) : NULL;
}

/* Second pass: writes the entry if it won its path. */
static struct error *emit_entry(void *context, struct contents_entry *entry)
{
    struct contents_merge *merge = context;
    const char *name = archive_entry_pathname(entry->entry);
    uint64_t number = contents_merge_begin_entry(merge, name);
    CLEANUP(freep) char *own = contents_merge_own_path(merge->source, name);
    CLEANUP(freep) char *path = contents_merge_place(merge, number, own);
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
static struct error *index_source(struct contents_merge *merge, size_t index)
{
    merge->found[index].first_number = merge->entry_number;
    path_tree_clear(merge->excluded, path_tree_root(merge->excluded));
    TRY(contents_source_visit(merge->source, false, contents_index_entry, merge));
    merge->found[index].names_hash = merge->names_hash;
    return NULL;
}

/* Second pass over source INDEX. */
static struct error *emit_source(struct contents_merge *merge, size_t index)
{
    merge->entry_number = merge->found[index].first_number;
    TRY(contents_source_visit(merge->source, true, emit_entry, merge));
    if (merge->names_hash != merge->found[index].names_hash)
        return error_new(EXIT_INPUT, "read '%s': files were added or removed while it was read",
                         contents_source_name(merge->source));
    return NULL;
}

/* Passes the sources from START up to END to PASS. */
static struct error *visit_sources(struct contents_merge *merge, size_t start, size_t end,
                                   struct error *(*pass)(struct contents_merge *merge,
                                                         size_t index))
{
    const struct contents *contents = merge->contents;
    size_t closure = closure_count(contents);

    for (size_t i = start; i < end; i++) {
        struct contents_source own = {.kind = CONTENTS_CLOSURE, .mode_rule = CONTENTS_MODE_KEEP};

        if (i < closure)
            own.path = contents->closure->items[i];
        free(STEAL(merge->followed));
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
static struct error *merge_and_write(struct contents_merge *merge)
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

/* Writes CONTENTS to TARGET, which is freed. */
static struct error *run(const struct contents *contents, struct contents_target *target)
{
    CLEANUP(contents_target_freep) struct contents_target *owned = target;
    CLEANUP(contents_merge_free)
    struct contents_merge merge = {.contents = contents,
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
