#include "guest/tar/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "guest/tar/attributes.h"
#include "guest/tar/names.h"
#include "guest/tar/pack_data.h"
#include "guest/tar/pack_entry.h"
#include "guest/tar/packing.h"
#include "guest/tar/whiteout.h"

#define OPAQUE_XATTR ATTRIBUTES_OVERLAY "opaque"

/* One directory on the way: that of the layer, and that of the image below it or -1. */
struct level {
    int upper;
    int lower;
};

static bool is_whiteout(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(0, 0);
}

static int pack_file(struct packing *packing, int folder, const char *name,
                     const struct stat *status)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return packing_fail(packing);
    bool holes = status->st_blocks * 512 < status->st_size;
    int result = pack_entry_write(packing);

    if (result == 0)
        result = pack_data_write(packing, fd, status->st_size, holes);
    close(fd);
    return result;
}

/* A whiteout: an empty file that root owns, with the time of everything new. */
static int pack_whiteout(struct packing *packing)
{
    const struct stat status = {.st_mode = S_IFREG, .st_mtim = {.tv_sec = packing->clamp}};

    pack_entry_begin(packing, &status);
    return pack_entry_write(packing);
}

/* Notes that the socket packing->path is left out. */
static void note_socket(struct packing *packing)
{
    packing->sink.note(packing->sink.context, "left a socket out of the layer",
                       path_text(&packing->path));
}

/* Packs NAME, whose path is packing->path and which is neither a directory nor a whiteout. */
static int pack_leaf(struct packing *packing, int folder, const char *name,
                     const struct stat *status)
{
    if (S_ISSOCK(status->st_mode)) {
        note_socket(packing);
        return 0;
    }
    pack_entry_begin(packing, status);
    if (status->st_nlink > 1) {
        int error;
        const char *first =
            links_first(&packing->links, status->st_ino, packing->path.bytes, &error);

        if (error)
            return fault_set(packing->fault, ENOMEM, "pack '%s'", path_text(&packing->path));
        if (first != NULL) {
            archive_entry_copy_hardlink(packing->entry, first);
            archive_entry_set_size(packing->entry, 0);
            return pack_entry_write(packing);
        }
    }
    if (S_ISLNK(status->st_mode) && pack_entry_set_symlink(packing, folder, name))
        return packing_fail(packing);
    if (pack_entry_add_xattrs(packing, folder, name))
        return -1;
    return S_ISREG(status->st_mode) ? pack_file(packing, folder, name, status)
                                    : pack_entry_write(packing);
}

static int pack_contents(struct packing *packing, struct level level, bool opaque, unsigned depth);

/* Returns whether the directory FD hides what the image has below it. */
static bool is_opaque(int fd)
{
    char value[1];

    return fgetxattr(fd, OPAQUE_XATTR, value, sizeof value) == 1 && value[0] == 'y';
}

static int pack_folder(struct packing *packing, struct level parent, const char *name,
                       const struct stat *status, unsigned depth)
{
    pack_entry_begin(packing, status);
    if (pack_entry_add_xattrs(packing, parent.upper, name) || pack_entry_write(packing))
        return -1;
    struct level level = {
        .upper = openat(parent.upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
        .lower = parent.lower < 0
                     ? -1
                     : openat(parent.lower, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
    };
    int result;

    if (level.upper < 0) {
        result = packing_fail(packing);
    } else {
        result = pack_contents(packing, level, level.lower >= 0 && is_opaque(level.upper), depth);
        close(level.upper);
    }
    if (level.lower >= 0)
        close(level.lower);
    return result;
}

/* Packs one entry of a directory. ITEM's text is its name in the tar. */
static int pack_name(struct packing *packing, struct level level, const struct name *item,
                     unsigned depth)
{
    /* Marked by collect_names: it stands for a mark of overlayfs and is not in the directory. */
    if (item->type == DT_WHT)
        return pack_whiteout(packing);
    if (strncmp(item->text, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0) {
        return fault_set(packing->fault, 0,
                         "pack '%s': a layer cannot hold a name that begins with '.wh.'",
                         path_text(&packing->path));
    }
    struct stat status;

    if (fstatat(level.upper, item->text, &status, AT_SYMLINK_NOFOLLOW))
        return packing_fail(packing);
    return S_ISDIR(status.st_mode) ? pack_folder(packing, level, item->text, &status, depth)
                                   : pack_leaf(packing, level.upper, item->text, &status);
}

/* Turns ITEM, a name in the directory packing->path, into the whiteout that it stands for, if it
 * does. A 0:0 device over nothing is only a device. What a socket has replaced is gone, though the
 * socket itself is left out. */
static int to_whiteout(struct packing *packing, struct level level, struct name *item)
{
    struct stat status, hidden;

    if ((item->type != DT_CHR && item->type != DT_SOCK) || level.lower < 0)
        return 0;
    if (fstatat(level.upper, item->text, &status, AT_SYMLINK_NOFOLLOW))
        return -1;
    if (!is_whiteout(&status) && !S_ISSOCK(status.st_mode))
        return 0;
    if (fstatat(level.lower, item->text, &hidden, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : -1;
    if (S_ISSOCK(status.st_mode)) {
        size_t length = packing->path.length;

        if (path_push(&packing->path, item->text))
            return -1;
        note_socket(packing);
        path_cut(&packing->path, length);
    }
    char *name = malloc(strlen(WHITEOUT_PREFIX) + strlen(item->text) + 1);

    if (name == NULL)
        return -1;
    strcpy(stpcpy(name, WHITEOUT_PREFIX), item->text);
    free(item->text);
    *item = (struct name){.text = name, .type = DT_WHT};
    return 0;
}

/* Collects the names of a directory as they go into the tar, in their order. */
static int collect_names(struct packing *packing, struct level level, bool opaque,
                         struct names *names)
{
    if (names_read(level.upper, names))
        return -1;
    for (size_t i = 0; i < names->count; i++)
        if (to_whiteout(packing, level, &names->items[i]))
            return -1;
    if (opaque && names_add(names, WHITEOUT_OPAQUE, DT_WHT))
        return -1;
    names_sort(names);
    return 0;
}

static int pack_contents(struct packing *packing, struct level level, bool opaque, unsigned depth)
{
    struct names names = {0};

    if (depth > PATH_DEPTH_MAX)
        return fault_set(packing->fault, 0, "pack '%s': too deep", path_text(&packing->path));
    /* Whatever lies below an opaque directory is hidden already. */
    if (opaque)
        level.lower = -1;
    int status = collect_names(packing, level, opaque, &names) ? packing_fail(packing) : 0;
    size_t length = packing->path.length;

    for (size_t i = 0; status == 0 && i < names.count; i++) {
        if (path_push(&packing->path, names.items[i].text))
            status = fault_set(packing->fault, ENOMEM, "pack '%s'", path_text(&packing->path));
        else
            status = pack_name(packing, level, &names.items[i], depth + 1);
        path_cut(&packing->path, length);
    }
    names_free(&names);
    return status;
}

/* Packs an entry for the root directory if its metadata differs from the image's. Its mtime alone
 * is not a reason: almost any script changes that. */
static int pack_root(struct packing *packing, struct level level)
{
    struct stat upper, lower;
    char *upper_xattrs = NULL;
    char *lower_xattrs = NULL;

    if (fstat(level.upper, &upper) || fstat(level.lower, &lower))
        return packing_fail(packing);
    ssize_t upper_length = pack_entry_read_xattrs(packing, level.upper, &upper_xattrs);
    ssize_t lower_length = pack_entry_read_xattrs(packing, level.lower, &lower_xattrs);
    bool same =
        upper.st_mode == lower.st_mode && upper.st_uid == lower.st_uid &&
        upper.st_gid == lower.st_gid && upper_length == lower_length &&
        (upper_length <= 0 || memcmp(upper_xattrs, lower_xattrs, (size_t)upper_length) == 0);

    free(upper_xattrs);
    free(lower_xattrs);
    if (upper_length < 0 || lower_length < 0)
        return -1;
    if (same)
        return 0;
    pack_entry_begin(packing, &upper);
    return pack_entry_add_xattrs(packing, level.upper, ".") ? -1 : pack_entry_write(packing);
}

static int pack_tree(struct packing *packing, struct level root)
{
    if (pack_root(packing, root) || pack_contents(packing, root, false, 0))
        return -1;
    return packing_finish(packing);
}

int pack(int layer, int image, int64_t clamp, struct pack_sink sink, struct fault *fault)
{
    struct packing *packing = packing_new(clamp, sink, fault);

    if (packing == NULL)
        return -1;
    int status = pack_tree(packing, (struct level){.upper = layer, .lower = image});

    packing_free(packing);
    return status;
}
