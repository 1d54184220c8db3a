#include "guest/tar/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tar/charset.h"
#include "guest/tar/path.h"
#include "guest/tar/purge.h"
#include "guest/tar/tree.h"
#include "guest/tar/unpack_metadata.h"
#include "guest/tar/unpack_target.h"
#include "guest/tar/unpacking.h"
#include "guest/tar/whiteout.h"

#define READ_SIZE (1u << 20)
#define READ_ALIGNMENT 4096 /* more than any disk requires that is read with O_DIRECT */
/* What libarchive returns as the number of errors in the format, if the system has EILSEQ. */
#define NAME_NOT_ASCII EILSEQ

int unpack_is_disks_fault(int code)
{
    return code == ENOSPC || code == EDQUOT || code == EIO || code == ENOMEM || code == EROFS ||
           code == EMFILE || code == ENFILE;
}

int unpacking_fail(struct unpacking *unpacking, const char *path)
{
    return fault_set(unpacking->fault, errno, "unpack '%s'", path);
}

/* Applies the entry of the tree's root directory: metadata alone. */
static int set_root(struct unpacking *unpacking, struct target *target)
{
    folders_forget(&unpacking->folders);
    target->folder = &unpacking->folders.open[0];
    target->name = ".";
    target->existed = true;
    return S_ISDIR(target->mode) && (unpack_metadata_set(unpacking, target, -1) ||
                                     folders_read_root(&unpacking->folders))
               ? unpacking_fail(unpacking, "/")
               : 0;
}

/* An opaque marker makes its directory the layer's own. If that is a file or a link of a lower
 * layer, which is not followed, it becomes a directory. PATH is the marker's. */
static int make_opaque_folder(struct unpacking *unpacking, const char *path)
{
    struct folders *folders = &unpacking->folders;
    char *parent = strdup(path);
    char *slash = parent != NULL ? strrchr(parent, '/') : NULL;
    const char *name;
    struct stat status;

    if (slash == NULL) {
        free(parent);
        return parent == NULL ? -1 : 0;
    }
    *slash = '\0';
    const struct folder *above = folders_parent(folders, parent, false, &name);
    bool replace = above != NULL && fstatat(above->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                   !S_ISDIR(status.st_mode) && !seen_has(&unpacking->seen, above->inode, name);
    int result = replace && unlinkat(above->fd, name, 0) ? -1 : 0;
    int cause = errno;

    free(parent);
    errno = cause;
    if (replace && result == 0)
        result = folders_parent(folders, path, true, &name) == NULL ? -1 : 0;
    return result;
}

/* Carries out the whiteout PATH, whose last component is NAME. */
static int apply_whiteout(struct unpacking *unpacking, const char *path, const char *name)
{
    const char *hidden = name + strlen(WHITEOUT_PREFIX);
    bool opaque = strcmp(name, WHITEOUT_OPAQUE) == 0;

    if (!opaque && strncmp(hidden, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
        return 0;
    if (*hidden == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
        return fault_set(unpacking->fault, 0, "unpack '%s': not a whiteout of a name", path);
    if (unpacking->kind == UNPACK_LOWEST_LAYER)
        return 0;
    if (opaque && make_opaque_folder(unpacking, path))
        return unpacking_fail(unpacking, path);
    const char *last;
    const struct folder *folder = folders_parent(&unpacking->folders, path, false, &last);

    if (folder == NULL)
        return errno == ENOENT || errno == ENOTDIR ? 0 : unpacking_fail(unpacking, path);
    int status =
        opaque ? purge_children(&unpacking->folders) : purge_name(&unpacking->folders, hidden);

    if (status)
        return unpacking_fail(unpacking, path);
    folders_forget(&unpacking->folders);
    return 0;
}

/* Whether PATH is one of AUFS' own files, which are left out; those that hard links lead to stay
 * until the end of the layer. */
static bool is_aufs_file(struct unpacking *unpacking, const char *path)
{
    size_t length = strlen(WHITEOUT_AUFS_LINKS);

    if (unpacking->kind == UNPACK_CONTENTS || strcmp(path, WHITEOUT_OPAQUE) == 0 ||
        strncmp(path, WHITEOUT_AUFS, strlen(WHITEOUT_AUFS)) != 0)
        return false;
    if (strncmp(path, WHITEOUT_AUFS_LINKS, length) != 0 || path[length] != '/')
        return true;
    unpacking->has_aufs_links = true;
    return false;
}

static int drop_aufs_links(struct unpacking *unpacking)
{
    folders_forget(&unpacking->folders);
    return unpacking->has_aufs_links &&
                   tree_delete(unpacking->folders.open[0].fd, WHITEOUT_AUFS_LINKS)
               ? unpacking_fail(unpacking, WHITEOUT_AUFS_LINKS)
               : 0;
}

/* Whether the entry is a whiteout in overlayfs' own form, which it is below an overlay even where a
 * layer's tar has it as a device. */
static bool is_overlay_whiteout(const struct unpacking *unpacking, const struct target *target)
{
    return unpacking->kind != UNPACK_CONTENTS && S_ISCHR(target->mode) &&
           archive_entry_rdevmajor(unpacking->entry) == 0 &&
           archive_entry_rdevminor(unpacking->entry) == 0;
}

/* Deletes what is at TARGET. */
static int hide(struct unpacking *unpacking, const struct target *target)
{
    if (tree_delete(target->folder->fd, target->name))
        return unpacking_fail(unpacking, target->path);
    folders_forget(&unpacking->folders);
    return 0;
}

static int apply_entry(struct unpacking *unpacking, char *path, char *link)
{
    struct target target = {.path = path};
    const char *why;

    if (path_normalize(path, &why))
        return fault_set(unpacking->fault, 0, "unpack '%s': %s", path, why);
    if (is_aufs_file(unpacking, path))
        return 0;
    if (unpack_metadata_read(unpacking, &target))
        return -1;
    if (*path == '\0')
        return set_root(unpacking, &target);
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    if (unpacking->kind != UNPACK_CONTENTS &&
        strncmp(name, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0)
        return apply_whiteout(unpacking, path, name);
    target.folder = folders_parent(&unpacking->folders, path, true, &target.name);
    if (target.folder == NULL)
        return unpacking_fail(unpacking, path);
    if (unpacking->kind == UNPACK_LAYER &&
        seen_add(&unpacking->seen, target.folder->inode, target.name))
        return unpacking_fail(unpacking, path);
    if (link == NULL && is_overlay_whiteout(unpacking, &target))
        return hide(unpacking, &target);
    int status = link != NULL ? unpack_target_link(unpacking, &target, link)
                              : unpack_target_make(unpacking, &target);

    if (target.replaced)
        folders_forget(&unpacking->folders);
    return status;
}

/* Applies the entry that libarchive has read. Its strings are copied, since they are changed. */
static int take_entry(struct unpacking *unpacking)
{
    const char *path = archive_entry_pathname(unpacking->entry);
    const char *link = archive_entry_hardlink(unpacking->entry);

    if (path == NULL)
        return fault_set(unpacking->fault, 0, "read the tar: an entry has no name");
    char *path_copy = strdup(path);
    char *link_copy = link != NULL ? strdup(link) : NULL;
    int status;

    if (path_copy == NULL || (link != NULL && link_copy == NULL))
        status = fault_set(unpacking->fault, ENOMEM, "unpack '%s'", path);
    else
        status = apply_entry(unpacking, path_copy, link_copy);
    free(path_copy);
    free(link_copy);
    return status;
}

/* The warning about a name that is not ASCII (see charset.h) has this number; all others are about
 * headers that libarchive could not understand. */
static bool is_harmless(struct archive *archive, int status)
{
    return status == ARCHIVE_OK ||
           (status == ARCHIVE_WARN && archive_errno(archive) == NAME_NOT_ASCII);
}

static int unpack_entries(struct unpacking *unpacking)
{
    for (;;) {
        int status = archive_read_next_header(unpacking->archive, &unpacking->entry);

        if (status == ARCHIVE_EOF)
            return 0;
        if (!is_harmless(unpacking->archive, status)) {
            int code = archive_errno(unpacking->archive);

            return fault_set(unpacking->fault, unpack_is_disks_fault(code) ? code : 0,
                             "read the tar: %s", archive_error_string(unpacking->archive));
        }
        if (take_entry(unpacking))
            return -1;
    }
}

static la_ssize_t read_block(struct archive *archive, void *context, const void **ret)
{
    struct unpacking *unpacking = context;
    ssize_t length;

    do {
        length = read(unpacking->source, unpacking->block, READ_SIZE);
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        archive_set_error(archive, errno, "reading failed");
    *ret = unpacking->block;
    return length;
}

static int unpack_tar(int source, enum unpack_kind kind, int base, struct fault *fault)
{
    struct unpacking unpacking = {.kind = kind, .source = source, .fault = fault};

    charset_for_reading();
    unpacking.archive = archive_read_new();
    unpacking.block = aligned_alloc(READ_ALIGNMENT, READ_SIZE);
    if (unpacking.archive == NULL || unpacking.block == NULL ||
        folders_open(&unpacking.folders, base, kind == UNPACK_LAYER ? &unpacking.seen : NULL)) {
        free(unpacking.block);
        archive_read_free(unpacking.archive);
        return fault_set(fault, errno, "open the tree");
    }
    int status;

    if (archive_read_support_format_tar(unpacking.archive) != ARCHIVE_OK ||
        archive_read_open(unpacking.archive, &unpacking, NULL, read_block, NULL) != ARCHIVE_OK)
        status = fault_set(fault, 0, "read the tar: %s", archive_error_string(unpacking.archive));
    else
        status = unpack_entries(&unpacking);
    const char *path;

    if (status == 0)
        status = drop_aufs_links(&unpacking);
    if (status == 0 && folders_apply_times(&unpacking.folders, &path))
        status = unpacking_fail(&unpacking, path);
    archive_read_free(unpacking.archive);
    free(unpacking.block);
    folders_close(&unpacking.folders);
    seen_free(&unpacking.seen);
    return status;
}

int unpack(int source, enum unpack_kind kind, struct fault *fault)
{
    return unpack_tar(source, kind, -1, fault);
}

int unpack_over(int source, int base, struct fault *fault)
{
    return unpack_tar(source, UNPACK_CONTENTS, base, fault);
}
