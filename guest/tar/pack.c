#include "guest/tar/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "guest/tar/charset.h"
#include "guest/tar/links.h"
#include "guest/tar/names.h"
#include "guest/tar/path.h"

#define READ_SIZE (1u << 20)
#define BLOCK_SIZE (256u << 10) /* bytes that libarchive hands on at once */
#define ZEROS_SIZE (1ull << 30)
#define XATTR_MAX (64u << 10) /* the kernel's own limit, of a value and of a list of names */
#define WHITEOUT_PREFIX ".wh."
#define OPAQUE_NAME ".wh..wh..opq"
#define OVERLAY_XATTRS "trusted.overlay."
#define OPAQUE_XATTR OVERLAY_XATTRS "opaque"
/* Data regions of one sparse file; more are packed as if there were no holes between the rest. */
#define REGIONS_MAX 65536

struct packing {
    struct archive *archive;
    struct archive_entry *entry;
    struct pack_sink sink;
    struct fault *fault;
    int64_t clamp;
    struct links links;
    struct path path;
    char *buffer;      /* READ_SIZE bytes */
    const char *zeros; /* ZEROS_SIZE bytes that take no memory: libarchive wants the holes, too */
    char names[XATTR_MAX];
    char value[XATTR_MAX];
};

/* One folder on the way: its own, and that of the image under it or -1. */
struct level {
    int upper;
    int lower;
};

static int fail(struct packing *packing)
{
    return fault_set(packing->fault, errno, "pack '%s'", path_text(&packing->path));
}

static int archive_fail(struct packing *packing)
{
    return fault_set(packing->fault, 0, "pack '%s': %s", path_text(&packing->path),
                     archive_error_string(packing->archive));
}

static bool is_whiteout(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(0, 0);
}

/* libarchive writes the sign and the whole seconds, and behind them the fraction as it is given;
 * that reads as counted away from zero. A fraction between -1 and 0 cannot be said that way: it
 * goes. */
static void set_mtime(struct packing *packing, struct timespec time)
{
    if (time.tv_sec >= packing->clamp)
        time = (struct timespec){.tv_sec = packing->clamp};
    if (time.tv_sec < 0 && time.tv_nsec != 0) {
        bool sayable = time.tv_sec < -1;

        time.tv_sec += sayable;
        time.tv_nsec = sayable ? 1000000000 - time.tv_nsec : 0;
    }
    archive_entry_set_mtime(packing->entry, time.tv_sec, time.tv_nsec);
}

static void set_attributes(struct packing *packing, const struct stat *status)
{
    struct archive_entry *entry = packing->entry;

    archive_entry_clear(entry);
    archive_entry_copy_pathname(entry, packing->path.length ? packing->path.bytes : "./");
    archive_entry_set_mode(entry, status->st_mode);
    archive_entry_set_uid(entry, status->st_uid);
    archive_entry_set_gid(entry, status->st_gid);
    archive_entry_set_size(entry, S_ISREG(status->st_mode) ? status->st_size : 0);
    set_mtime(packing, status->st_mtim);
    if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode)) {
        archive_entry_set_rdevmajor(entry, major(status->st_rdev));
        archive_entry_set_rdevminor(entry, minor(status->st_rdev));
    }
}

static int write_header(struct packing *packing)
{
    int status = archive_write_header(packing->archive, packing->entry);

    /* A warning is that of a name that is not UTF-8; it is stored as it is. */
    return status == ARCHIVE_OK || status == ARCHIVE_WARN ? 0 : archive_fail(packing);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Splits the LENGTH bytes of packing->names into RET, sorted, less those of overlayfs. Returns
 * their number. */
static size_t sort_xattr_names(struct packing *packing, size_t length, const char **ret)
{
    size_t count = 0;

    for (const char *at = packing->names; at < packing->names + length; at += strlen(at) + 1)
        if (strncmp(at, OVERLAY_XATTRS, strlen(OVERLAY_XATTRS)) != 0)
            ret[count++] = at;
    qsort(ret, count, sizeof *ret, compare_names);
    return count;
}

/* Adds the attribute NAME of FILE in the working folder. */
static int add_xattr(struct packing *packing, const char *file, const char *name)
{
    /* In a PAX record the first '=' ends the name. */
    if (strchr(name, '=') != NULL) {
        return fault_set(packing->fault, 0,
                         "pack '%s': a layer cannot hold '%s', an extended attribute with '=' in "
                         "its name",
                         path_text(&packing->path), name);
    }
    ssize_t size = lgetxattr(file, name, packing->value, sizeof packing->value);

    if (size < 0)
        return fail(packing);
    archive_entry_xattr_add_entry(packing->entry, name, packing->value, (size_t)size);
    return 0;
}

/* Adds the attributes of NAME in FOLDER, which becomes the working folder: there is no lgetxattr
 * relative to another. */
static int add_xattrs(struct packing *packing, int folder, const char *name)
{
    if (fchdir(folder))
        return fail(packing);
    ssize_t length = llistxattr(name, packing->names, sizeof packing->names);

    if (length <= 0)
        return length == 0 || errno == EOPNOTSUPP ? 0 : fail(packing);
    const char **names = calloc((size_t)length, sizeof *names);

    if (names == NULL)
        return fail(packing);
    size_t count = sort_xattr_names(packing, (size_t)length, names);
    /* libarchive puts each new one before the others. */
    int status = 0;

    while (status == 0 && count-- > 0)
        status = add_xattr(packing, name, names[count]);
    free(names);
    return status;
}

/* Tells libarchive where FD has data, when it has holes. Returns 0, or -1 with errno. */
static int map_sparse(struct packing *packing, int fd, off_t size)
{
    off_t at = 0;

    for (unsigned regions = 0; at < size; regions++) {
        off_t data = lseek(fd, at, SEEK_DATA);

        if (data < 0) {
            if (errno != ENXIO)
                return -1;
            /* Nothing but a hole: libarchive needs at least one region. */
            if (regions == 0)
                archive_entry_sparse_add_entry(packing->entry, 0, 0);
            return 0;
        }
        off_t hole = regions < REGIONS_MAX ? lseek(fd, data, SEEK_HOLE) : size;

        if (hole < 0)
            return -1;
        if (data == 0 && hole >= size)
            return 0;
        archive_entry_sparse_add_entry(packing->entry, data, hole - data);
        at = hole;
    }
    return 0;
}

static int write_zeros(struct packing *packing, off_t length)
{
    while (length > 0) {
        size_t part = (uint64_t)length < ZEROS_SIZE ? (size_t)length : (size_t)ZEROS_SIZE;
        la_ssize_t written = archive_write_data(packing->archive, packing->zeros, part);

        if (written <= 0)
            return archive_fail(packing);
        length -= written;
    }
    return 0;
}

static int write_region(struct packing *packing, int fd, off_t at, off_t length)
{
    while (length > 0) {
        size_t part = length < (off_t)READ_SIZE ? (size_t)length : READ_SIZE;
        ssize_t got = pread(fd, packing->buffer, part, at);

        if (got <= 0) {
            return got < 0 ? fail(packing)
                           : fault_set(packing->fault, 0, "pack '%s': it became shorter",
                                       path_text(&packing->path));
        }
        if (archive_write_data(packing->archive, packing->buffer, (size_t)got) != got)
            return archive_fail(packing);
        at += got;
        length -= got;
    }
    return 0;
}

static int write_data(struct packing *packing, int fd, off_t size)
{
    la_int64_t start, length;

    if (archive_entry_sparse_reset(packing->entry) == 0)
        return write_region(packing, fd, 0, size);
    off_t at = 0;

    while (archive_entry_sparse_next(packing->entry, &start, &length) == ARCHIVE_OK) {
        if (write_zeros(packing, start - at) || write_region(packing, fd, start, length))
            return -1;
        at = start + length;
    }
    return write_zeros(packing, size - at);
}

static int pack_file(struct packing *packing, int folder, const char *name,
                     const struct stat *status)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return fail(packing);
    bool holes = status->st_blocks * 512 < status->st_size;
    int result = holes && map_sparse(packing, fd, status->st_size) ? fail(packing) : 0;

    if (result == 0)
        result = write_header(packing);
    if (result == 0)
        result = write_data(packing, fd, status->st_size);
    close(fd);
    return result;
}

static int set_symlink(struct packing *packing, int folder, const char *name)
{
    ssize_t length = readlinkat(folder, name, packing->value, sizeof packing->value - 1);

    if (length < 0)
        return -1;
    packing->value[length] = '\0';
    archive_entry_copy_symlink(packing->entry, packing->value);
    return 0;
}

/* A whiteout: an empty file of root's, of the time of everything new. */
static int pack_whiteout(struct packing *packing)
{
    const struct stat status = {.st_mode = S_IFREG, .st_mtim = {.tv_sec = packing->clamp}};

    set_attributes(packing, &status);
    return write_header(packing);
}

/* For the socket whose path is packing->path. */
static void note_socket(struct packing *packing)
{
    packing->sink.note(packing->sink.context, "left a socket out of the layer",
                       path_text(&packing->path));
}

/* Packs NAME, whose path is packing->path and which is neither a folder nor a whiteout. */
static int pack_leaf(struct packing *packing, int folder, const char *name,
                     const struct stat *status)
{
    if (S_ISSOCK(status->st_mode)) {
        note_socket(packing);
        return 0;
    }
    set_attributes(packing, status);
    if (status->st_nlink > 1) {
        int error;
        const char *first =
            links_first(&packing->links, status->st_ino, packing->path.bytes, &error);

        if (error)
            return fault_set(packing->fault, ENOMEM, "pack '%s'", path_text(&packing->path));
        if (first != NULL) {
            archive_entry_copy_hardlink(packing->entry, first);
            archive_entry_set_size(packing->entry, 0);
            return write_header(packing);
        }
    }
    if (S_ISLNK(status->st_mode) && set_symlink(packing, folder, name))
        return fail(packing);
    if (add_xattrs(packing, folder, name))
        return -1;
    return S_ISREG(status->st_mode) ? pack_file(packing, folder, name, status)
                                    : write_header(packing);
}

static int pack_contents(struct packing *packing, struct level level, bool opaque, unsigned depth);

/* Whether the folder that FD has open hides what the image has under it. */
static bool is_opaque(int fd)
{
    char value[1];

    return fgetxattr(fd, OPAQUE_XATTR, value, sizeof value) == 1 && value[0] == 'y';
}

static int pack_folder(struct packing *packing, struct level parent, const char *name,
                       const struct stat *status, unsigned depth)
{
    set_attributes(packing, status);
    if (add_xattrs(packing, parent.upper, name) || write_header(packing))
        return -1;
    struct level level = {
        .upper = openat(parent.upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
        .lower = parent.lower < 0
                     ? -1
                     : openat(parent.lower, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
    };
    int result;

    if (level.upper < 0) {
        result = fail(packing);
    } else {
        result = pack_contents(packing, level, level.lower >= 0 && is_opaque(level.upper), depth);
        close(level.upper);
    }
    if (level.lower >= 0)
        close(level.lower);
    return result;
}

/* Packs one entry of a folder. ITEM's text is its name in the tar. */
static int pack_name(struct packing *packing, struct level level, const struct name *item,
                     unsigned depth)
{
    /* Marked by collect_names: a name of overlayfs' making, not one in the folder. */
    if (item->type == DT_WHT)
        return pack_whiteout(packing);
    if (strncmp(item->text, WHITEOUT_PREFIX, strlen(WHITEOUT_PREFIX)) == 0) {
        return fault_set(packing->fault, 0,
                         "pack '%s': a layer cannot hold a name that begins with '.wh.'",
                         path_text(&packing->path));
    }
    struct stat status;

    if (fstatat(level.upper, item->text, &status, AT_SYMLINK_NOFOLLOW))
        return fail(packing);
    return S_ISDIR(status.st_mode) ? pack_folder(packing, level, item->text, &status, depth)
                                   : pack_leaf(packing, level.upper, item->text, &status);
}

/* Turns ITEM, one of the folder packing->path, into the whiteout that it stands for. A 0:0 device
 * over nothing is just that. What a socket has replaced is gone, though the socket is left out. */
static int translate(struct packing *packing, struct level level, struct name *item)
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

/* The names of a folder as they go into the tar, in their order. */
static int collect_names(struct packing *packing, struct level level, bool opaque,
                         struct names *names)
{
    if (names_read(level.upper, names))
        return -1;
    for (size_t i = 0; i < names->count; i++)
        if (translate(packing, level, &names->items[i]))
            return -1;
    if (opaque && names_add(names, OPAQUE_NAME, DT_WHT))
        return -1;
    names_sort(names);
    return 0;
}

static int pack_contents(struct packing *packing, struct level level, bool opaque, unsigned depth)
{
    struct names names = {0};

    if (depth > PATH_DEPTH_MAX)
        return fault_set(packing->fault, 0, "pack '%s': it is too deep", path_text(&packing->path));
    /* What an opaque folder hides is hidden already. */
    if (opaque)
        level.lower = -1;
    int status = collect_names(packing, level, opaque, &names) ? fail(packing) : 0;
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

/* Reads the attributes of the folder's own, as one string of bytes to compare. */
static ssize_t read_xattrs(struct packing *packing, int fd, char **ret)
{
    set_attributes(packing, &(struct stat){.st_mode = S_IFDIR});
    if (add_xattrs(packing, fd, "."))
        return -1;
    size_t length = 0;
    char *bytes = NULL;
    const char *name;
    const void *value;
    size_t size;

    archive_entry_xattr_reset(packing->entry);
    while (archive_entry_xattr_next(packing->entry, &name, &value, &size) == ARCHIVE_OK) {
        char *grown = realloc(bytes, length + strlen(name) + 1 + size);

        if (grown == NULL) {
            free(bytes);
            return fail(packing);
        }
        bytes = grown;
        memcpy(stpcpy(bytes + length, name) + 1, value, size);
        length += strlen(name) + 1 + size;
    }
    *ret = bytes;
    return (ssize_t)length;
}

/* Packs the root folder's own entry where its attributes are not the image's. Its mtime alone is no
 * reason: almost any script changes that. */
static int pack_root(struct packing *packing, struct level level)
{
    struct stat upper, lower;
    char *upper_xattrs = NULL;
    char *lower_xattrs = NULL;

    if (fstat(level.upper, &upper) || fstat(level.lower, &lower))
        return fail(packing);
    ssize_t upper_length = read_xattrs(packing, level.upper, &upper_xattrs);
    ssize_t lower_length = read_xattrs(packing, level.lower, &lower_xattrs);
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
    set_attributes(packing, &upper);
    return add_xattrs(packing, level.upper, ".") ? -1 : write_header(packing);
}

static la_ssize_t write_block(struct archive *archive, void *context, const void *bytes,
                              size_t length)
{
    struct packing *packing = context;

    if (packing->sink.write(packing->sink.context, bytes, length)) {
        archive_set_error(archive, EPIPE, "the host takes no more");
        return -1;
    }
    return (la_ssize_t)length;
}

static int open_archive(struct packing *packing)
{
    struct archive *archive = packing->archive;

    charset_for_writing();
    if (archive_write_set_format_pax(archive) != ARCHIVE_OK ||
        archive_write_set_format_option(archive, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(archive, BLOCK_SIZE) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
        archive_write_open(archive, packing, NULL, write_block, NULL) != ARCHIVE_OK)
        return archive_fail(packing);
    return 0;
}

static int pack_tree(struct packing *packing, struct level root)
{
    if (open_archive(packing) || pack_root(packing, root) || pack_contents(packing, root, false, 0))
        return -1;
    return archive_write_close(packing->archive) == ARCHIVE_OK ? 0 : archive_fail(packing);
}

int pack(int layer, int image, int64_t clamp, struct pack_sink sink, struct fault *fault)
{
    struct packing *packing = calloc(1, sizeof *packing);

    if (packing == NULL)
        return fault_set(fault, ENOMEM, "pack the layer");
    void *zeros =
        mmap(NULL, ZEROS_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    packing->archive = archive_write_new();
    packing->entry = archive_entry_new();
    packing->buffer = malloc(READ_SIZE);
    packing->zeros = zeros;
    packing->sink = sink;
    packing->fault = fault;
    packing->clamp = clamp;
    int status;

    if (zeros == MAP_FAILED || packing->archive == NULL || packing->entry == NULL ||
        packing->buffer == NULL)
        status = fault_set(fault, ENOMEM, "pack the layer");
    else
        status = pack_tree(packing, (struct level){.upper = layer, .lower = image});
    if (zeros != MAP_FAILED)
        munmap(zeros, ZEROS_SIZE);
    if (status && packing->archive != NULL)
        archive_write_fail(packing->archive); /* or freeing it would write a regular end */
    archive_entry_free(packing->entry);
    archive_write_free(packing->archive);
    links_free(&packing->links);
    path_free(&packing->path);
    free(packing->buffer);
    free(packing);
    return status;
}
