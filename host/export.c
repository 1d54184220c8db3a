#include "export.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "image_entries.h"
#include "memory.h"
#include "merged_tree.h"
#include "tar_reader.h"

#define BLOCK_SIZE (1u << 20) /* bytes that go to the sink at a time */
#define IMPLIED_MODE 0755     /* of folders that no layer has an entry for */

struct export
{
    const struct image *image;
    struct merged_tree *tree;
    struct archive *archive; /* being written */
    struct sink sink;
    struct error *err; /* of the sink, while libarchive was writing */
};

static struct error *failed(struct export *export, const char *path)
{
    const char *cause = archive_error_string(export->archive);

    if (export->err != NULL)
        return STEAL(export->err);
    return error_new(EXIT_OTHER, "write '%s': %s", path,
                     cause != NULL ? cause : "libarchive failed");
}

/* Writes the header ENTRY for PATH, without what would make the stream depend on more than the
 * layers or the reader's host. */
static struct error *write_header(struct export *export, struct archive_entry *entry,
                                  const char *path)
{
    archive_entry_copy_pathname(entry, path);
    archive_entry_set_uname(entry, NULL);
    archive_entry_set_gname(entry, NULL);
    archive_entry_unset_atime(entry);
    archive_entry_unset_ctime(entry);
    archive_entry_unset_birthtime(entry);
    if (archive_write_header(export->archive, entry) < ARCHIVE_WARN)
        return failed(export, path);
    return NULL;
}

static struct error *write_folder(struct export *export, struct merged_node *node)
{
    struct archive_entry *entry =
        node->inode != NULL ? archive_entry_clone(node->inode->folder) : archive_entry_new();
    CLEANUP(freep) char *path = merged_node_path(node);

    node->is_written = true;
    if (node->inode == NULL) {
        archive_entry_set_filetype(entry, AE_IFDIR);
        archive_entry_set_perm(entry, IMPLIED_MODE);
        archive_entry_set_mtime(entry, 0, 0);
    }
    struct error *err = write_header(export, entry, path);

    archive_entry_free(entry);
    return err;
}

/* Writes the folders that NODE lies in and that have not been written yet. The root is written only
 * where a layer has an entry for it. */
static struct error *write_parents(struct export *export, struct merged_node *node)
{
    for (;;) {
        struct merged_node *highest = NULL;

        for (struct merged_node *n = node->parent; n != NULL && !n->is_written; n = n->parent)
            if (n->parent != NULL || n->inode != NULL)
                highest = n;
        if (highest == NULL)
            return NULL;
        TRY(write_folder(export, highest));
    }
}

static struct error *write_data(struct export *export, struct tar_reader *reader, const char *path)
{
    for (;;) {
        const void *bytes;
        size_t length = 0;

        TRY(tar_reader_data(reader, &bytes, &length));
        if (length == 0)
            return NULL;
        if (archive_write_data(export->archive, bytes, length) < 0)
            return failed(export, path);
    }
}

/* Writes NODE as a further name of the file FIRST. */
static struct error *write_link(struct export *export, struct merged_node *node,
                                struct archive_entry *entry, const char *first)
{
    CLEANUP(freep) char *path = merged_node_path(node);

    TRY(write_parents(export, node));
    archive_entry_copy_hardlink(entry, first);
    archive_entry_set_size(entry, 0);
    archive_entry_sparse_clear(entry);
    archive_entry_xattr_clear(entry);
    node->is_written = true;
    return write_header(export, entry, path);
}

/* Writes the file ENTRY under all of INODE's names. */
static struct error *write_file(struct export *export, const struct merged_inode *inode,
                                struct tar_reader *reader, struct archive_entry *entry)
{
    CLEANUP(freep) char *first = merged_node_path(inode->names);

    TRY(write_parents(export, inode->names));
    TRY(write_header(export, entry, first));
    inode->names->is_written = true;
    if (archive_entry_filetype(entry) == AE_IFREG)
        TRY(write_data(export, reader, first));
    for (struct merged_node *node = inode->names->next; node != NULL; node = node->next)
        TRY(write_link(export, node, entry, first));
    return NULL;
}

/* Writes the entry if it won. */
static struct error *emit(void *context, size_t layer, size_t number, struct tar_reader *reader,
                          struct archive_entry *entry)
{
    struct export *export = context;
    struct merged_inode *inode = merged_tree_at(export->tree, layer, number);

    if (inode == NULL || inode->names == NULL)
        return NULL;
    if (!inode->names->is_folder)
        return write_file(export, inode, reader, entry);
    if (inode->names->is_written)
        return NULL;
    TRY(write_parents(export, inode->names));
    return write_folder(export, inode->names);
}

static la_ssize_t on_write(struct archive *archive, void *context, const void *bytes, size_t length)
{
    struct export *export = context;

    export->err = export->sink.write(export->sink.context, bytes, length);
    if (export->err != NULL) {
        archive_set_error(archive, EIO, "the output failed");
        return -1;
    }
    return (la_ssize_t)length;
}

static struct error *write_all(struct export *export)
{
    TRY(image_merge(export->image, &export->tree));
    archive_write_set_format_pax_restricted(export->archive);
    archive_write_set_format_option(export->archive, "pax", "xattrheader", "SCHILY");
    archive_write_set_bytes_per_block(export->archive, BLOCK_SIZE);
    archive_write_set_bytes_in_last_block(export->archive, 1);
    if (archive_write_open(export->archive, export, NULL, on_write, NULL) < ARCHIVE_WARN)
        return failed(export, "the archive");
    TRY(image_each_entry(export->image, emit, export));
    if (archive_write_close(export->archive) < ARCHIVE_WARN)
        return failed(export, "the end of the archive");
    return NULL;
}

struct error *export_write(const struct image *image, struct sink sink)
{
    struct export export = {.image = image, .archive = archive_write_new(), .sink = sink};

    if (export.archive == NULL)
        return error_new(EXIT_OTHER, "export: libarchive has no memory");
    struct error *err = write_all(&export);

    if (err != NULL)
        archive_write_fail(export.archive); /* so that freeing writes no end */
    archive_write_free(export.archive);
    merged_tree_free(export.tree);
    error_free(export.err);
    return err;
}
