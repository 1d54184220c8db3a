#include "host/machine/share_disk.h"

#include <errno.h>
#include <et/com_err.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <search.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/file_system.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"

#define BLOCK_SIZE 4096
#define BLOCK_SIZE_LOG 2 /* s_log_block_size: 1024 << 2 */
#define INODE_SIZE 256
#define SPARE_BLOCKS 4096 /* of any disk, for its own tables */
#define SPARE_INODES 64
#define PIECE (256u << 10) /* bytes that are read at once; what is zeros becomes a hole */
#define DEPTH_MAX 256      /* of directories, each of which takes a descriptor */
#define NSEC_SHIFT 2       /* of i_mtime_extra: below are bits of the seconds */
#define EPOCH_BITS ((1u << NSEC_SHIFT) - 1)

/* A file with several names, by what it is on the host. */
struct link {
    dev_t device;
    ino_t number;
    ext2_ino_t inode; /* on the disk */
};

struct share {
    const char *path, *source;
    ext2_filsys fs; /* NULL while the source is measured */
    uint64_t blocks, inodes;
    void *links; /* a tree of struct link, as tsearch(3) has it */
    char *piece; /* PIECE bytes */
};

/* An entry of the source that is copied. */
struct share_entry {
    struct share *share;
    int folder;       /* of the host */
    ext2_ino_t above; /* the same, on the disk */
    const char *name;
    struct stat status;
    unsigned depth;
};

static struct error *fill_folder(struct share *share, int fd, ext2_ino_t number, unsigned depth);

static struct error *disk_error(const struct share *share, errcode_t err)
{
    if (err == EXT2_ET_BLOCK_ALLOC_FAIL || err == EXT2_ET_INODE_ALLOC_FAIL)
        return error_new(EXIT_INPUT, "read '%s': it has grown meanwhile", share->source);
    return file_system_explain(error_new(err == ENOSPC ? EXIT_DISK_FULL : EXIT_OTHER,
                                         "make a disk of '%s': %s", share->source,
                                         error_message(err)),
                               share->path);
}

/* Notes why ENTRY is left out; only once, while the disk is filled. */
static void leave_out(const struct share_entry *entry)
{
    if (entry->share->fs != NULL)
        progress_note("left out '%s' of the share '%s': %s", entry->name, entry->share->source,
                      strerror(errno));
}

static int compare_links(const void *one, const void *other)
{
    const struct link *a = one, *b = other;

    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    return a->number == b->number ? 0 : a->number < b->number ? -1 : 1;
}

/* Returns the record of the file of STATUS, which is new if its inode is 0. */
static struct link *find_link(struct share *share, const struct stat *status)
{
    struct link *link = xcalloc(1, sizeof *link);

    *link = (struct link){status->st_dev, status->st_ino, 0};
    struct link **found = xallocated(tsearch(link, &share->links, compare_links));

    if (*found != link)
        free(link);
    return *found;
}

static void count(struct share *share, const struct stat *status)
{
    uint64_t bytes =
        S_ISREG(status->st_mode) || S_ISDIR(status->st_mode) || S_ISLNK(status->st_mode)
            ? (uint64_t)status->st_size
            : 0;

    /* A block for an extent tree or the rest of a directory, and one more for each 256 of data. */
    share->blocks += bytes / BLOCK_SIZE + bytes / BLOCK_SIZE / 256 + 2;
    share->inodes++;
}

/* Writes what STATUS says to the new inode NUMBER. */
static errcode_t describe(ext2_filsys fs, ext2_ino_t number, const struct stat *status)
{
    struct ext2_inode_large inode;
    errcode_t err = ext2fs_read_inode_full(fs, number, (struct ext2_inode *)&inode, sizeof inode);
    uint64_t seconds = (uint64_t)status->st_mtim.tv_sec;
    /* The epoch counts from the signed 32 bits that the rest is. */
    uint32_t epoch = (uint32_t)((seconds - (uint64_t)(int64_t)(int32_t)seconds) >> 32) & EPOCH_BITS;

    if (err != 0)
        return err;
    inode.i_mode = (uint16_t)status->st_mode;
    inode.i_uid = (uint16_t)status->st_uid;
    inode.osd2.linux2.l_i_uid_high = (uint16_t)(status->st_uid >> 16);
    inode.i_gid = (uint16_t)status->st_gid;
    inode.osd2.linux2.l_i_gid_high = (uint16_t)(status->st_gid >> 16);
    inode.i_mtime = inode.i_ctime = inode.i_atime = inode.i_crtime = (uint32_t)seconds;
    inode.i_mtime_extra = inode.i_ctime_extra = inode.i_atime_extra = inode.i_crtime_extra =
        (uint32_t)status->st_mtim.tv_nsec << NSEC_SHIFT | epoch;
    return ext2fs_write_inode_full(fs, number, (struct ext2_inode *)&inode, sizeof inode);
}

/* Enters the inode NUMBER as ENTRY. */
static errcode_t enter(const struct share_entry *entry, ext2_ino_t number)
{
    static const struct {
        mode_t type;
        int code;
    } types[] = {{S_IFREG, EXT2_FT_REG_FILE}, {S_IFLNK, EXT2_FT_SYMLINK}, {S_IFCHR, EXT2_FT_CHRDEV},
                 {S_IFBLK, EXT2_FT_BLKDEV},   {S_IFIFO, EXT2_FT_FIFO},    {S_IFSOCK, EXT2_FT_SOCK}};
    ext2_filsys fs = entry->share->fs;
    int code = EXT2_FT_UNKNOWN;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == (entry->status.st_mode & S_IFMT))
            code = types[i].code;
    errcode_t err = ext2fs_link(fs, entry->above, entry->name, number, code);

    if (err == EXT2_ET_DIR_NO_SPACE) {
        err = ext2fs_expand_dir(fs, entry->above);
        if (err == 0)
            err = ext2fs_link(fs, entry->above, entry->name, number, code);
    }
    return err;
}

/* Makes the inode of ENTRY, which is no directory. */
static errcode_t make_inode(const struct share_entry *entry, ext2_ino_t *ret)
{
    ext2_filsys fs = entry->share->fs;
    struct ext2_inode inode = {.i_mode = (uint16_t)entry->status.st_mode, .i_links_count = 1};
    unsigned major = major(entry->status.st_rdev), minor = minor(entry->status.st_rdev);
    errcode_t err = ext2fs_new_inode(fs, entry->above, entry->status.st_mode & S_IFMT, NULL, ret);

    if (err != 0)
        return err;
    ext2fs_inode_alloc_stats2(fs, *ret, +1, 0);
    if (S_ISCHR(entry->status.st_mode) || S_ISBLK(entry->status.st_mode))
        inode.i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
    else if (S_ISREG(entry->status.st_mode)) {
        inode.i_flags = EXT4_EXTENTS_FL;
        ext2_extent_handle_t extents; /* writes the head of the tree */

        err = ext2fs_extent_open2(fs, *ret, &inode, &extents);
        if (err != 0)
            return err;
        ext2fs_extent_free(extents);
    }
    return ext2fs_write_new_inode(fs, *ret, &inode);
}

static bool is_zero(const char *bytes, size_t length)
{
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

/* Copies the data of FD to FILE. What fails on the host's side is in *RET_CAUSE. */
static errcode_t copy_data(const struct share *share, int fd, ext2_file_t file, int *ret_cause)
{
    uint64_t size = 0;
    errcode_t err = 0;
    ssize_t got;

    while (err == 0 && (got = read(fd, share->piece, PIECE)) != 0) {
        if (got < 0) {
            *ret_cause = errno;
            return 0;
        }
        if (!is_zero(share->piece, (size_t)got)) {
            err = ext2fs_file_llseek(file, size, EXT2_SEEK_SET, NULL);
            if (err == 0)
                err = ext2fs_file_write(file, share->piece, (unsigned)got, NULL);
        }
        size += (uint64_t)got;
    }
    return err != 0 ? err : ext2fs_file_set_size2(file, (ext2_off64_t)size);
}

/* Writes the data of FD to the inode NUMBER. */
static struct error *fill_file(const struct share *share, int fd, ext2_ino_t number)
{
    ext2_file_t file;
    int cause = 0;
    errcode_t err = ext2fs_file_open(share->fs, number, EXT2_FILE_WRITE, &file);

    if (err != 0)
        return disk_error(share, err);
    err = copy_data(share, fd, file, &cause);
    errcode_t later = ext2fs_file_close(file);

    if (cause != 0) {
        errno = cause;
        return error_errno(EXIT_INPUT, "read a file of '%s'", share->source);
    }
    if (err == 0)
        err = later;
    return err == 0 ? NULL : disk_error(share, err);
}

/* Adds one more name of the file that is the inode NUMBER. */
static errcode_t add_name(const struct share_entry *entry, ext2_ino_t number)
{
    struct ext2_inode inode;
    errcode_t err = ext2fs_read_inode(entry->share->fs, number, &inode);

    inode.i_links_count++;
    if (err == 0)
        err = ext2fs_write_inode(entry->share->fs, number, &inode);
    return err != 0 ? err : enter(entry, number);
}

static struct error *add_file(const struct share_entry *entry)
{
    struct share *share = entry->share;
    struct link *link = entry->status.st_nlink > 1 ? find_link(share, &entry->status) : NULL;
    CLEANUP(closep) int fd = -1;
    ext2_ino_t number = 0;
    errcode_t err;

    if (link != NULL && link->inode != 0) {
        err = add_name(entry, link->inode);
        return err == 0 ? NULL : disk_error(share, err);
    }
    if (S_ISREG(entry->status.st_mode)) {
        fd = openat(entry->folder, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) {
            leave_out(entry);
            return NULL;
        }
    }
    err = make_inode(entry, &number);
    if (err == 0)
        err = enter(entry, number);
    if (err != 0)
        return disk_error(share, err);
    if (fd >= 0)
        TRY(fill_file(share, fd, number));
    err = describe(share->fs, number, &entry->status);
    if (link != NULL)
        link->inode = number;
    return err == 0 ? NULL : disk_error(share, err);
}

static struct error *add_symlink(const struct share_entry *entry)
{
    char target[PATH_MAX];
    ext2_ino_t number;
    ssize_t length = readlinkat(entry->folder, entry->name, target, sizeof target - 1);

    if (length < 0) {
        leave_out(entry);
        return NULL;
    }
    target[length] = '\0';
    errcode_t err = ext2fs_new_inode(entry->share->fs, entry->above, S_IFLNK, NULL, &number);

    if (err == 0)
        err = ext2fs_symlink(entry->share->fs, 0, number, NULL, target);
    if (err == 0)
        err = enter(entry, number);
    if (err == 0)
        err = describe(entry->share->fs, number, &entry->status);
    return err == 0 ? NULL : disk_error(entry->share, err);
}

static struct error *add_folder(const struct share_entry *entry)
{
    struct share *share = entry->share;
    CLEANUP(closep)
    int fd = openat(entry->folder, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    ext2_ino_t number = 0;
    errcode_t err = 0;

    if (fd < 0) {
        leave_out(entry);
        return NULL;
    }
    if (entry->depth == DEPTH_MAX)
        return error_new(EXIT_INPUT, "read '%s': directories are nested more than %d deep",
                         share->source, DEPTH_MAX);
    if (share->fs != NULL) {
        err = ext2fs_new_inode(share->fs, entry->above, S_IFDIR, NULL, &number);
        if (err == 0)
            err = ext2fs_mkdir(share->fs, entry->above, number, entry->name);
        if (err == EXT2_ET_DIR_NO_SPACE) {
            err = ext2fs_expand_dir(share->fs, entry->above);
            if (err == 0)
                err = ext2fs_mkdir(share->fs, entry->above, number, entry->name);
        }
    }
    if (err != 0)
        return disk_error(share, err);
    TRY(fill_folder(share, fd, number, entry->depth + 1));
    if (share->fs != NULL)
        err = describe(share->fs, number, &entry->status);
    return err == 0 ? NULL : disk_error(share, err);
}

/* Counts ENTRY, or copies it. */
static struct error *add(struct share_entry *entry)
{
    if (fstatat(entry->folder, entry->name, &entry->status, AT_SYMLINK_NOFOLLOW) < 0) {
        leave_out(entry);
        return NULL;
    }
    if (entry->share->fs == NULL)
        count(entry->share, &entry->status);
    if (S_ISDIR(entry->status.st_mode))
        return add_folder(entry);
    if (entry->share->fs == NULL)
        return NULL;
    return S_ISLNK(entry->status.st_mode) ? add_symlink(entry) : add_file(entry);
}

/* Does the same with all that the directory FD has. NUMBER is its inode on the disk. */
static struct error *fill_folder(struct share *share, int fd, ext2_ino_t number, unsigned depth)
{
    CLEANUP(strings_free) struct strings names = {0};

    /* The source itself is read twice. */
    if (lseek(fd, 0, SEEK_SET) < 0 || !file_list(fd, &names))
        return error_errno(EXIT_INPUT, "list a directory of '%s'", share->source);
    for (size_t i = 0; i < names.count; i++) {
        struct share_entry entry = {
            .share = share, .folder = fd, .above = number, .name = names.items[i], .depth = depth};

        TRY(add(&entry));
    }
    return NULL;
}

/* Makes the empty file system in the file FD. */
static errcode_t initialize(struct share *share, int fd)
{
    struct ext2_super_block param = {.s_rev_level = EXT2_DYNAMIC_REV,
                                     .s_log_block_size = BLOCK_SIZE_LOG,
                                     .s_log_cluster_size = BLOCK_SIZE_LOG,
                                     .s_inode_size = INODE_SIZE};
    uint64_t inodes = share->inodes + SPARE_INODES;
    uint64_t blocks = share->blocks + share->blocks / 64 + inodes * INODE_SIZE / BLOCK_SIZE;
    CLEANUP(freep) char *number = xasprintf("%d", fd); /* the manager's way to name a file */

    if (blocks > UINT32_MAX - SPARE_BLOCKS || inodes > UINT32_MAX)
        return EXT2_ET_TOO_MANY_INODES;
    param.s_blocks_count = (uint32_t)blocks + SPARE_BLOCKS;
    if (ftruncate(fd, (off_t)param.s_blocks_count * BLOCK_SIZE) < 0)
        return errno;
    param.s_inodes_count = (uint32_t)inodes;
    param.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT4_FEATURE_COMPAT_SPARSE_SUPER2;
    param.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                               EXT4_FEATURE_INCOMPAT_FLEX_BG;
    param.s_feature_ro_compat =
        EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
        EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE;
    errcode_t err =
        ext2fs_initialize(number, EXT2_FLAG_64BITS, &param, unixfd_io_manager, &share->fs);

    if (err == 0)
        err = ext2fs_allocate_tables(share->fs);
    if (err == 0)
        err = ext2fs_mkdir(share->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL);
    for (ext2_ino_t inode = 1; err == 0 && inode < EXT2_FIRST_INODE(share->fs->super); inode++)
        if (inode != EXT2_ROOT_INO)
            ext2fs_inode_alloc_stats2(share->fs, inode, +1, 0);
    return err;
}

/* Fills the disk that is the file FD from the directory SOURCE. */
static struct error *fill(struct share *share, int fd, int source)
{
    struct stat status;
    errcode_t err = initialize(share, fd);

    if (err != 0)
        return disk_error(share, err);
    if (fstat(source, &status) < 0)
        return error_errno(EXIT_INPUT, "read '%s'", share->source);
    TRY(fill_folder(share, source, EXT2_ROOT_INO, 0));
    err = describe(share->fs, EXT2_ROOT_INO, &status);
    if (err == 0)
        err = ext2fs_close2(share->fs, EXT2_FLAG_FLUSH_NO_SYNC);
    if (err != 0)
        return disk_error(share, err);
    share->fs = NULL;
    return NULL;
}

static void share_free(struct share *share)
{
    if (share->fs != NULL)
        ext2fs_free(share->fs);
    tdestroy(share->links, free);
    free(share->piece);
}

struct error *share_disk_make(const char *path, const char *source)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CLEANUP(share_free) struct share share = {.path = path, .source = source};
    CLEANUP(closep) int folder = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0)
        return error_errno(EXIT_INPUT, "open '%s'", source);
    int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC); /* libext2fs closes it */

    if (fd < 0)
        return error_errno(EXIT_OTHER, "open '%s'", path);
    pthread_once(&once, initialize_ext2_error_table);
    share.piece = xcalloc(1, PIECE);
    TRY(fill_folder(&share, folder, 0, 0));
    return fill(&share, fd, folder);
}
