#include "host/tree/export.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/tar/archive_cleanup.h"
#include "host/tar/pax_writer.h"
#include "host/tar/tar_reader.h"
#include "host/tree/image_merge.h"
#include "host/tree/merged_tree.h"
#include "host/tree/path_tree.h"

#define IMPLIED_MODE 0755 /* of directories for which no layer has an entry */
#define TAR_BLOCK 512
#define NEARBY 8 /* headers that are cheaper to skip than to reopen the layer */

struct export
{
    const struct image *image;
    struct sink sink;
    uint64_t written;
    int fds[IMAGE_LAYERS_MAX];
    struct tar_reader *readers[IMAGE_LAYERS_MAX]; /* each where its layer's last entry was read */
    struct pax_writer *writer;
    const char *path; /* of the entry being written */
};

/* Opens the tar of LAYER at OFFSET. */
static struct error *open_layer(struct export *export, size_t layer, uint64_t offset)
{
    const char *path = export->image->layers[layer].tar_path;

    tar_reader_free(STEAL(export->readers[layer]));
    if (export->fds[layer] < 0)
        export->fds[layer] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (export->fds[layer] < 0)
        return error_errno(EXIT_OTHER, "open the cache entry '%s'", path);
    return tar_reader_new(path, export->fds[layer], offset, &export->readers[layer]);
}

/* Names the layer if the fault is the layer's. */
static struct error *layer_context(struct export *export, size_t layer, struct error *err)
{
    if (err == NULL || err->code != EXIT_INPUT)
        return err;
    return error_context(err, "export layer 'sha256:%s'", export->image->layers[layer].diff_id.hex);
}

/* Finds the entry of INODE. Layers are mostly sorted like the output, so it is mostly one of the
 * next. */
static struct error *find_entry(struct export *export, const struct merged_inode *inode,
                                struct archive_entry **ret)
{
    struct tar_reader *reader = export->readers[inode->layer];

    *ret = NULL;
    for (int i = 0; reader != NULL && i < NEARBY && tar_reader_offset(reader) < inode->offset;
         i++) {
        TRY(tar_reader_next(reader, ret));
        if (*ret == NULL)
            break;
    }
    if (*ret != NULL && tar_reader_offset(reader) == inode->offset)
        return NULL;
    TRY(open_layer(export, inode->layer, inode->offset));
    TRY(tar_reader_next(export->readers[inode->layer], ret));
    if (*ret == NULL)
        return error_new(EXIT_OTHER, "the cache entry changed during the export");
    return NULL;
}

/* Writes the header ENTRY for PATH, without what would make the stream depend on more than the
 * layers, and without owner names, which mean other numbers on other hosts. */
static struct error *write_header(struct export *export, struct archive_entry *entry,
                                  const char *path)
{
    archive_entry_copy_pathname(entry, path);
    archive_entry_copy_uname(entry, NULL);
    archive_entry_copy_gname(entry, NULL);
    archive_entry_unset_atime(entry);
    archive_entry_unset_ctime(entry);
    archive_entry_unset_birthtime(entry);
    archive_entry_sparse_clear(entry); /* a plain file, whose holes are zeros */
    export->path = path;
    if (archive_write_header(pax_writer_archive(export->writer), entry) < ARCHIVE_WARN)
        return pax_writer_error(export->writer, "write", path);
    return NULL;
}

/* sink_write: writes data of the entry whose header was written last. */
static struct error *write_data(void *context, const void *bytes, size_t length)
{
    struct export *export = context;

    if (archive_write_data(pax_writer_archive(export->writer), bytes, length) < 0)
        return pax_writer_error(export->writer, "write", export->path);
    return NULL;
}

/* Writes a directory for which no layer has an entry. The root needs none. */
static struct error *write_implied(struct export *export, const struct path_node *node,
                                   const char *path)
{
    if (node->parent == NULL)
        return NULL;
    CLEANUP(archive_entry_freep) struct archive_entry *entry = xallocated(archive_entry_new());

    archive_entry_set_filetype(entry, AE_IFDIR);
    archive_entry_set_perm(entry, IMPLIED_MODE);
    archive_entry_set_mtime(entry, 0, 0);
    return write_header(export, entry, path);
}

/* Writes PATH as a further name of the file FIRST. */
static struct error *write_link(struct export *export, struct archive_entry *entry,
                                const char *first, const char *path)
{
    archive_entry_copy_hardlink(entry, first);
    archive_entry_set_size(entry, 0);
    archive_entry_xattr_clear(entry);
    return write_header(export, entry, path);
}

static struct error *write_inode(struct export *export, struct merged_inode *inode,
                                 const char *path)
{
    struct archive_entry *entry = NULL;

    TRY(find_entry(export, inode, &entry));
    if (inode->first != NULL)
        return write_link(export, entry, inode->first, path);
    if (inode->paths > 1)
        inode->first = xstrdup(path);
    TRY(write_header(export, entry, path));
    if (archive_entry_filetype(entry) != AE_IFREG)
        return NULL;
    return tar_reader_copy(export->readers[inode->layer], (struct sink){write_data, export});
}

/* merged_visit: writes the path. */
static struct error *write_node(void *context, struct path_node *node, const char *path)
{
    struct export *export = context;

    struct merged_inode *inode = node->data;

    if (inode == NULL)
        return write_implied(export, node, path);
    return layer_context(export, inode->layer, write_inode(export, inode, path));
}

/* merged_visit: adds the bytes that the path takes, without the rare extended header. */
static struct error *add_size(void *context, struct path_node *node, const char *path)
{
    uint64_t *total = context;
    const struct merged_inode *inode = node->data;

    (void)path;
    *total += TAR_BLOCK;
    if (inode != NULL) /* whose data only one of its paths takes */
        *total += (inode->size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK / inode->paths;
    return NULL;
}

/* sink_write: passes on what is written, and shows how much that is. */
static struct error *count(void *context, const void *bytes, size_t length)
{
    struct export *export = context;

    TRY(export->sink.write(export->sink.context, bytes, length));
    export->written += length;
    progress_bytes(export->written, 0);
    return NULL;
}

/* What is written of an image. */
struct part {
    const char *path; /* NULL: all of it */
    const char *name; /* of a file */
    bool is_folder;
};

static struct error *write_part(struct export *export, struct merged_tree *tree, struct part *part)
{
    struct path_node *node = NULL;

    TRY(merged_tree_find(tree, part->path, &node));
    if (node == NULL)
        return error_new(EXIT_INPUT, "the image has nothing there");
    part->is_folder = node->is_folder;
    return node->is_folder ? merged_tree_each_in(node, write_node, export)
                           : write_node(export, node, part->name);
}

/* Writes all paths, and shows how far it is. */
static struct error *write_paths(struct export *export, struct merged_tree *tree)
{
    uint64_t total = 2 * TAR_BLOCK; /* the end */

    TRY(merged_tree_each(tree, add_size, &total));
    progress_expect(total);
    return merged_tree_each(tree, write_node, export);
}

static struct error *write_all(struct export *export, struct part *part)
{
    CLEANUP(merged_tree_freep) struct merged_tree *tree = NULL;
    struct sink sink = part->path == NULL ? (struct sink){count, export} : export->sink;

    TRY(image_merge(export->image, &tree));
    TRY(pax_writer_new(PAX_FULL, sink, &export->writer));
    if (part->path == NULL)
        TRY(write_paths(export, tree));
    else
        TRY(error_context(write_part(export, tree, part), "copy '%s'", part->path));
    if (archive_write_close(pax_writer_archive(export->writer)) < ARCHIVE_WARN)
        return pax_writer_error(export->writer, "write", "the end of the archive");
    return NULL;
}

static struct error *run_export(const struct image *image, struct sink sink, struct part *part)
{
    struct export export = {.image = image, .sink = sink};

    for (size_t i = 0; i < image->layer_count; i++)
        export.fds[i] = -1;
    struct error *err = write_all(&export, part);

    pax_writer_free(export.writer);
    for (size_t i = 0; i < image->layer_count; i++) {
        tar_reader_free(export.readers[i]);
        closep(&export.fds[i]);
    }
    return err;
}

struct error *export_write(const struct image *image, struct sink sink)
{
    struct part all = {0};

    return run_export(image, sink, &all);
}

struct error *export_write_part(const struct image *image, const char *path, const char *name,
                                struct sink sink, bool *ret_is_folder)
{
    struct part part = {.path = path, .name = name};

    TRY(run_export(image, sink, &part));
    *ret_is_folder = part.is_folder;
    return NULL;
}
