#include "host/tree/contents.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/stream.h"
#include "host/tree/contents_source.h"
#include "host/tree/path_tree.h"

#define DATA_BLOCK_SIZE (256 << 10) /* bytes of a file read at a time */

/* One name of a file, and the number of its entry. */
struct link_name {
    char *path;
    uint64_t owner;
};

/* The names of one file that has several in one source, or in the closure. Its data goes to the
 * first that won its path. */
struct link_group {
    uint64_t scope;          /* as below */
    uint64_t device;         /* in a tarball 0 */
    uint64_t inode;          /* in a tarball the number of the entry with the data */
    struct link_name *names; /* the paths, in order */
    size_t name_count;
    char *emitted; /* the path that was written with the data */
};

struct merge {
    const struct contents *contents;
    struct path_tree *tree;
    void *groups; /* of tsearch */

    const struct contents_source *source; /* being visited */
    uint64_t scope;        /* where links are links: 0 for all of the closure, else one source */
    uint64_t first_number; /* of the source's entries */
    uint64_t entry_number; /* over all sources; the owner of a path in the tree */
    uint64_t names_hash;   /* of the source's names up to here */

    struct archive *archive; /* being written, in the second pass: a tar stream, or files */
    const char *folder;      /* where the files go, or NULL */
    struct sink sink;
    struct error *sink_error;
    bool abandoned; /* nothing is written any more */
};

static int compare_groups(const void *left, const void *right)
{
    const struct link_group *a = left, *b = right;

    if (a->scope != b->scope)
        return a->scope < b->scope ? -1 : 1;
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return 0;
}

static void free_group(void *pointer)
{
    struct link_group *group = pointer;

    for (size_t i = 0; i < group->name_count; i++)
        free(group->names[i].path);
    free(group->names);
    free(group->emitted);
    free(group);
}

/* The group of the file DEVICE, INODE in the current scope, or NULL. MAKE: enters a new one. */
static struct link_group *find_group(struct merge *merge, uint64_t device, uint64_t inode,
                                     bool make)
{
    struct link_group key = {.scope = merge->scope, .device = device, .inode = inode};
    struct link_group **found = tfind(&key, &merge->groups, compare_groups);

    if (found != NULL || !make)
        return found != NULL ? *found : NULL;
    struct link_group *group = xcalloc(1, sizeof *group);

    *group = key;
    xallocated(tsearch(group, &merge->groups, compare_groups));
    return group;
}

static void add_link_name(struct link_group *group, const char *path, uint64_t owner)
{
    group->names = xreallocarray(group->names, group->name_count + 1, sizeof *group->names);
    group->names[group->name_count++] = (struct link_name){xstrdup(path), owner};
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

static struct error *is_left_out(const struct merge *merge, const char *path, bool *ret)
{
    *ret = false;
    return merge->source->at_own_path ? base_has(merge, path, ret) : NULL;
}

/* Counts an entry of the source under way. Returns its number. */
static uint64_t begin_entry(struct merge *merge, const char *path)
{
    for (const char *byte = path;; byte++) { /* FNV-1a */
        merge->names_hash = (merge->names_hash ^ (unsigned char)*byte) * UINT64_C(0x100000001b3);
        if (*byte == '\0')
            break;
    }
    return merge->entry_number++;
}

/* The group of a folder's file that has more than one name, or NULL. */
static struct link_group *group_of_inode(struct merge *merge, struct archive_entry *entry,
                                         bool make)
{
    if (archive_entry_filetype(entry) == AE_IFDIR || archive_entry_nlink(entry) < 2)
        return NULL;
    return find_group(merge, (uint64_t)archive_entry_dev(entry),
                      (uint64_t)archive_entry_ino64(entry), make);
}

/* The group that the hard link at PATH to TARGET joins: the file that TARGET is so far. */
static struct error *join_group(struct merge *merge, const char *path, const char *target,
                                struct link_group **ret)
{
    struct path_node *node = path_tree_find(merge->tree, target);

    if (node == NULL || node->is_folder || node->owner < merge->first_number)
        return error_new(EXIT_INPUT,
                         "read tarball '%s': '%s' is a hard link to '%s', which is no file that "
                         "comes before it",
                         merge->source->path, path, target);
    if (node->data == NULL) {
        struct link_group *group = find_group(merge, 0, node->owner, true);

        add_link_name(group, target, node->owner);
        node->data = group;
    }
    *ret = node->data;
    return NULL;
}

/* In a layer such a name would be a whiteout. */
static bool is_whiteout(const char *path)
{
    return strncmp(path, ".wh.", strlen(".wh.")) == 0 || strstr(path, "/.wh.") != NULL;
}

/* First pass: gives the entry's path to it, and notes links. */
static struct error *index_entry(void *context, struct contents_entry *entry)
{
    struct merge *merge = context;
    const char *path = archive_entry_pathname(entry->entry);
    const char *link = archive_entry_hardlink(entry->entry);
    uint64_t number = begin_entry(merge, path);
    struct link_group *group = NULL;
    bool left_out = false;

    if (merge->folder == NULL && is_whiteout(path))
        return error_new(EXIT_INPUT,
                         "read '%s': a layer cannot hold '%s', a name that begins with '.wh.'",
                         merge->source->path, path);
    TRY(is_left_out(merge, path, &left_out));
    if (left_out)
        return NULL;
    if (link != NULL)
        TRY(join_group(merge, path, link, &group));
    else if (entry->tarball == NULL)
        group = group_of_inode(merge, entry->entry, true);
    struct path_node *node =
        path_tree_put(merge->tree, path, archive_entry_filetype(entry->entry) == AE_IFDIR, number);

    node->data = group;
    if (group != NULL)
        add_link_name(group, path, number);
    return NULL;
}

static struct error *write_failed(struct merge *merge, const char *path)
{
    if (merge->sink_error != NULL)
        return STEAL(merge->sink_error);
    int cause = archive_errno(merge->archive);
    enum exit_code code = cause == ENOSPC ? EXIT_DISK_FULL : EXIT_OTHER;
    const char *words = archive_error_string(merge->archive);

    if (merge->folder == NULL)
        return error_new(code, "pack '%s': %s", path, words);
    return error_new(code, "make '%s': %s: %s", path, words, strerror(cause));
}

/* Writes HEADER. In a folder, its names get the folder before them. */
static struct error *write_header(struct merge *merge, struct archive_entry *header,
                                  const char *path)
{
    const char *link = archive_entry_hardlink(header);

    if (merge->folder != NULL) {
        CLEANUP(freep) char *place = xasprintf("%s/%s", merge->folder, path);
        CLEANUP(freep) char *target = link != NULL ? xasprintf("%s/%s", merge->folder, link) : NULL;

        archive_entry_set_pathname(header, place);
        if (link != NULL)
            archive_entry_set_hardlink(header, target);
    }
    if (archive_write_header(merge->archive, header) < ARCHIVE_WARN)
        return write_failed(merge, path);
    return NULL;
}

/* Sets what is the same for every entry of a layer: owner, clamped time, nothing of the host. */
static void make_portable(const struct merge *merge, struct archive_entry *entry)
{
    bool add_write = !merge->contents->keep_modes && !merge->source->at_own_path;
    mode_t mode = archive_entry_mode(entry);

    /* In a folder, libarchive gives setuid and setgid to the caller's own files only. */
    archive_entry_set_uid(entry, merge->folder != NULL ? geteuid() : 0);
    archive_entry_set_gid(entry, merge->folder != NULL ? getegid() : 0);
    archive_entry_set_uname(entry, NULL);
    archive_entry_set_gname(entry, NULL);
    if (add_write && archive_entry_filetype(entry) != AE_IFLNK)
        archive_entry_set_mode(entry, mode | 0220);
    if (archive_entry_filetype(entry) == AE_IFLNK)
        archive_entry_set_mode(entry, AE_IFLNK | 0777);
    if (archive_entry_mtime(entry) >= merge->contents->clamp)
        archive_entry_set_mtime(entry, merge->contents->clamp, 0);
    archive_entry_unset_atime(entry);
    archive_entry_unset_ctime(entry);
    archive_entry_unset_birthtime(entry);
    archive_entry_set_fflags(entry, 0, 0);
    archive_entry_copy_mac_metadata(entry, NULL, 0);
    archive_entry_set_nlink(entry, 1);
    /* A file's holes are no part of what it holds: from a folder they are not known either. */
    archive_entry_sparse_clear(entry);
}

static struct error *write_folder(struct merge *merge, const char *path)
{
    struct archive_entry *entry = xallocated(archive_entry_new());

    archive_entry_set_pathname(entry, path);
    archive_entry_set_mode(entry, AE_IFDIR | 0755);
    archive_entry_set_size(entry, 0);
    archive_entry_set_mtime(entry, merge->folder == NULL ? merge->contents->clamp : 0, 0);
    struct error *err = write_header(merge, entry, path);

    archive_entry_free(entry);
    return err;
}

/* Writes the implied folders above NODE that are not there yet, topmost first. Where a layer leaves
 * them out, it is the client that chooses their modes and times. */
static struct error *write_implied_parents(struct merge *merge, struct path_node *node)
{
    struct path_node *parent = node->parent;
    bool there = false;

    if (merge->contents->bare || parent == NULL || parent->parent == NULL || parent->emitted ||
        parent->owner != PATH_TREE_IMPLIED)
        return NULL;
    CLEANUP(freep) char *path = path_tree_path(parent);

    parent->emitted = true;
    TRY(write_implied_parents(merge, parent));
    TRY(base_has(merge, path, &there));
    return there ? NULL : write_folder(merge, path);
}

/* Copies SIZE bytes of a folder's file. One that has fewer by now is an error. */
static struct error *write_file_data(struct merge *merge, int fd, int64_t size, const char *path)
{
    CLEANUP(freep) char *block = xcalloc(1, DATA_BLOCK_SIZE);

    for (int64_t left = size; left > 0;) {
        size_t wanted = left < DATA_BLOCK_SIZE ? (size_t)left : DATA_BLOCK_SIZE;
        ssize_t length = read(fd, block, wanted);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return error_errno(EXIT_INPUT, "read '%s' of '%s'", path, merge->source->path);
        if (length == 0)
            return error_new(EXIT_INPUT, "read '%s' of '%s': it shrank while it was read", path,
                             merge->source->path);
        if (archive_write_data(merge->archive, block, (size_t)length) != length)
            return write_failed(merge, path);
        left -= length;
    }
    return NULL;
}

/* Writes the hole that a sparse tarball has from START to END. */
static struct error *write_zeros(struct merge *merge, int64_t start, int64_t end, const char *path)
{
    static const char zeros[DATA_BLOCK_SIZE];

    while (start < end) {
        size_t length = end - start < DATA_BLOCK_SIZE ? (size_t)(end - start) : DATA_BLOCK_SIZE;

        if (archive_write_data(merge->archive, zeros, length) < 0)
            return write_failed(merge, path);
        start += (int64_t)length;
    }
    return NULL;
}

/* Copies the SIZE bytes of a tarball's file, whose holes libarchive leaves out. */
static struct error *write_tarball_data(struct merge *merge, struct archive *tarball, int64_t size,
                                        const char *path)
{
    const void *block;
    size_t length;
    la_int64_t offset;
    int64_t end = 0;

    for (;;) {
        int status = archive_read_data_block(tarball, &block, &length, &offset);

        if (status == ARCHIVE_EOF)
            return write_zeros(merge, end, size, path);
        if (status < ARCHIVE_WARN)
            return error_new(EXIT_INPUT, "read '%s' of tarball '%s': %s", path, merge->source->path,
                             archive_error_string(tarball));
        TRY(write_zeros(merge, end, offset, path));
        if (archive_write_data(merge->archive, block, length) < 0)
            return write_failed(merge, path);
        end = offset + (int64_t)length;
    }
}

/* Copies the data of ENTRY, whose header was written for PATH. */
static struct error *write_data(struct merge *merge, const struct contents_entry *entry,
                                const char *path)
{
    int64_t size = archive_entry_size(entry->entry);

    if (entry->tarball != NULL)
        return write_tarball_data(merge, entry->tarball, size, path);
    return write_file_data(merge, entry->fd, size, path);
}

/* Ends the entry PATH. What a file system or the user's rights do not allow, such as capabilities,
 * is left out with a note. */
static struct error *finish_entry(struct merge *merge, const char *path)
{
    int status = archive_write_finish_entry(merge->archive);

    if (status < ARCHIVE_WARN)
        return write_failed(merge, path);
    if (status < ARCHIVE_OK)
        progress_note("make '%s': %s", path, archive_error_string(merge->archive));
    return NULL;
}

/* Writes ENTRY at PATH with its data. */
static struct error *write_entry(struct merge *merge, struct contents_entry *entry,
                                 struct path_node *node, const char *path)
{
    struct archive_entry *header = entry->entry;
    bool has_data = archive_entry_filetype(header) == AE_IFREG &&
                    archive_entry_hardlink(header) == NULL && archive_entry_size(header) > 0;

    TRY(write_implied_parents(merge, node));
    node->emitted = true;
    archive_entry_set_pathname(header, path);
    make_portable(merge, header);
    if (!has_data)
        archive_entry_set_size(header, 0);
    TRY(write_header(merge, header, path));
    if (has_data)
        TRY(write_data(merge, entry, path));
    return finish_entry(merge, path);
}

/* The data of a tarball's linked file, when its own path was lost to another entry: the first link
 * name that won its path gets it. */
static struct error *promote_link(struct merge *merge, struct contents_entry *entry,
                                  struct link_group *group)
{
    for (size_t i = 0; i < group->name_count; i++) {
        struct path_node *node = path_tree_find(merge->tree, group->names[i].path);

        if (node == NULL || node->owner != group->names[i].owner)
            continue;
        group->emitted = xstrdup(group->names[i].path);
        return write_entry(merge, entry, node, group->emitted);
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

/* An entry of a file with several names, which won PATH. */
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
    return write_entry(merge, entry, node, path);
}

/* The group that entry NUMBER belongs to, or NULL. NODE, of its path, is NULL where it lost
 * that. */
static struct link_group *group_of_entry(struct merge *merge, const struct contents_entry *entry,
                                         const struct path_node *node, uint64_t number)
{
    if (entry->tarball == NULL)
        return group_of_inode(merge, entry->entry, false);
    if (archive_entry_hardlink(entry->entry) == NULL)
        return find_group(merge, 0, number, false);
    return node != NULL ? node->data : NULL;
}

/* Second pass: writes the entry if it won its path. */
static struct error *emit_entry(void *context, struct contents_entry *entry)
{
    struct merge *merge = context;
    CLEANUP(freep) char *path = xstrdup(archive_entry_pathname(entry->entry));
    uint64_t number = begin_entry(merge, path);
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
    return write_entry(merge, entry, node, path);
}

/* Visits the source. *NAMES_HASH is the hash of its names: from the first pass, for the second. */
static struct error *visit_source(struct merge *merge, bool with_data, contents_visit visit,
                                  uint64_t *names_hash)
{
    merge->first_number = merge->entry_number;
    merge->names_hash = UINT64_C(0xcbf29ce484222325);
    TRY(contents_source_visit(merge->source, with_data, visit, merge));
    if (with_data && merge->names_hash != *names_hash)
        return error_new(EXIT_INPUT, "read '%s': files came or went while it was read",
                         merge->source->path);
    *names_hash = merge->names_hash;
    return NULL;
}

static size_t count_of(const struct strings *list)
{
    return list != NULL ? list->count : 0;
}

/* Visits all sources in order; the closure first, as what is at a path already stands there. */
static struct error *visit_sources(struct merge *merge, bool with_data, contents_visit visit,
                                   uint64_t *names_hashes)
{
    const struct strings *lists[] = {merge->contents->closure, merge->contents->paths};
    uint64_t number = 0;

    merge->entry_number = 0;
    for (size_t list = 0; list < 2; list++) {
        for (size_t i = 0; i < count_of(lists[list]); i++) {
            struct contents_source source = {lists[list]->items[i], list == 0};

            merge->source = &source;
            merge->scope = list == 0 ? 0 : number + 1;
            TRY(visit_source(merge, with_data, visit, &names_hashes[number]));
            number++;
        }
    }
    return NULL;
}

static la_ssize_t pass_to_sink(struct archive *archive, void *context, const void *bytes,
                               size_t length)
{
    struct merge *merge = context;

    if (merge->abandoned)
        return -1;
    merge->sink_error = merge->sink.write(merge->sink.context, bytes, length);
    if (merge->sink_error == NULL)
        return (la_ssize_t)length;
    archive_set_error(archive, EIO, "%s", merge->sink_error->message);
    return -1;
}

/* PAX with plain ustar headers wherever they can hold the entry; xattrs as Docker and OCI tools
 * read them. */
static struct error *open_archive(struct merge *merge)
{
    merge->archive = xallocated(archive_write_new());
    archive_write_set_format_pax_restricted(merge->archive);
    archive_write_set_format_option(merge->archive, "pax", "xattrheader", "SCHILY");
    archive_write_set_bytes_per_block(merge->archive, DATA_BLOCK_SIZE);
    archive_write_set_bytes_in_last_block(merge->archive, 1);
    if (archive_write_open(merge->archive, merge, NULL, pass_to_sink, NULL) != ARCHIVE_OK)
        return write_failed(merge, "contents");
    return NULL;
}

/* Files are made below the folder only, whatever the sources' names and symlinks say. */
static struct error *open_folder(struct merge *merge)
{
    merge->archive = xallocated(archive_write_disk_new());
    archive_write_disk_set_options(merge->archive, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
                                                       ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_ACL |
                                                       ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                                                       ARCHIVE_EXTRACT_SECURE_NODOTDOT);
    return NULL;
}

static struct error *merge_and_write(struct merge *merge)
{
    size_t sources = count_of(merge->contents->paths) + count_of(merge->contents->closure);
    CLEANUP(freep) uint64_t *names_hashes = xcalloc(sources, sizeof *names_hashes);

    TRY(visit_sources(merge, false, index_entry, names_hashes));
    TRY(merge->folder != NULL ? open_folder(merge) : open_archive(merge));
    TRY(visit_sources(merge, true, emit_entry, names_hashes));
    if (archive_write_close(merge->archive) < ARCHIVE_WARN)
        return write_failed(merge, "contents");
    return NULL;
}

/* Of a tar that failed, libarchive frees its buffer in closing it only; of a folder that failed,
 * the modes stay as they are, so that it can be removed. */
static void end_archive(struct merge *merge)
{
    if (merge->abandoned && merge->folder != NULL)
        archive_write_fail(merge->archive);
    else
        archive_write_close(merge->archive);
    archive_write_free(merge->archive);
}

static struct error *run(struct merge *merge)
{
    merge->tree = path_tree_new(NULL);
    struct error *err = merge_and_write(merge);

    if (merge->archive != NULL) {
        merge->abandoned = err != NULL;
        end_archive(merge);
    }
    error_free(merge->sink_error);
    path_tree_free(merge->tree);
    tdestroy(merge->groups, free_group);
    return err;
}

struct error *contents_write(const struct contents *contents, struct sink sink)
{
    struct merge merge = {.contents = contents, .sink = sink};

    return run(&merge);
}

struct error *contents_extract(const struct contents *contents, const char *folder)
{
    struct merge merge = {.contents = contents, .folder = folder};

    return run(&merge);
}
