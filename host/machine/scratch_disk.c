#include "host/machine/scratch_disk.h"

#include <errno.h>
#include <et/com_err.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/file_system.h"
#include "host/lib/memory.h"

#define BLOCK_SIZE 4096
#define BLOCK_SIZE_LOG 2              /* s_log_block_size: 1024 << 2 */
#define GROUP_BLOCKS (8 * BLOCK_SIZE) /* of a group: the bits of a block */
#define INODE_SIZE 256                /* room for nanoseconds, years after 2038 and small xattrs */
#define INODE_RATIO 8192              /* bytes of disk for each inode */
#define GROUPS_PER_FLEX_LOG 4         /* of a scratch disk */
#define JOURNAL_BLOCKS_MAX (64 << 20 >> 12) /* 64 MiB: a disk of 10 GiB has as much */
#define FIXED_TIME 1                        /* seconds since 1970; libext2fs takes 0 for "now" */

/* Any fixed values will do, if a base disk's UUID is another one: overlayfs finds the lower file
 * that a file was copied up from by UUID and inode, but not if two of its lower layers, one of
 * which is on the scratch disk, share a UUID. The checksums of group descriptors depend on the
 * UUID, the order of entries in large directories on the seed. */
static const unsigned char scratch_uuid[16] = {0x76, 0x6d, 0x62, 0x75, 0x69, 0x6c, 0x44, 0x00,
                                               0x80, 0x00, 0x65, 0x78, 0x74, 0x34, 0x00, 0x01};
static const unsigned char base_uuid[16] = {0x76, 0x6d, 0x62, 0x75, 0x69, 0x6c, 0x44, 0x00,
                                            0x80, 0x00, 0x65, 0x78, 0x74, 0x34, 0x00, 0x02};
static const uint32_t fixed_hash_seed[4] = {0x766d6275, 0x696c4400, 0x80006578, 0x74340001};

/* The groups of BLOCKS that share a flexible group, as a power of 2. A base disk is one such group:
 * so where an inode goes depends on the disk alone, and not on what ext4 remembers of the inodes
 * before, while the disk stays mounted from one layer to the next. */
static unsigned char flex_log(uint64_t blocks, bool is_base)
{
    unsigned char log = GROUPS_PER_FLEX_LOG;

    while (is_base && (uint64_t)GROUP_BLOCKS << log < blocks)
        log++;
    return log;
}

static void describe(struct ext2_super_block *param, uint64_t blocks, uint64_t inodes, bool is_base)
{
    if (inodes < blocks * BLOCK_SIZE / INODE_RATIO)
        inodes = blocks * BLOCK_SIZE / INODE_RATIO;
    memset(param, 0, sizeof *param);
    param->s_rev_level = EXT2_DYNAMIC_REV;
    param->s_log_block_size = BLOCK_SIZE_LOG;
    param->s_log_cluster_size = BLOCK_SIZE_LOG;
    param->s_blocks_count = (uint32_t)blocks;
    param->s_inodes_count = inodes > UINT32_MAX ? UINT32_MAX : (uint32_t)inodes;
    param->s_inode_size = INODE_SIZE;
    param->s_log_groups_per_flex = flex_log(blocks, is_base);
    param->s_errors = EXT2_ERRORS_RO;
    param->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
    param->s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX |
                              EXT4_FEATURE_COMPAT_SPARSE_SUPER2;
    /* With EA_INODE, an extended attribute too large for a block gets its own inode. */
    param->s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                                EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_EA_INODE;
    param->s_feature_ro_compat =
        EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
        EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
        EXT4_FEATURE_RO_COMPAT_GDT_CSUM;
}

static void fix_identity(ext2_filsys fs, bool is_base)
{
    struct ext2_super_block *super = fs->super;

    fs->now = FIXED_TIME;
    super->s_mkfs_time = FIXED_TIME;
    super->s_lastcheck = FIXED_TIME;
    memcpy(super->s_uuid, is_base ? base_uuid : scratch_uuid, sizeof super->s_uuid);
    memcpy(super->s_hash_seed, fixed_hash_seed, sizeof fixed_hash_seed);
    super->s_def_hash_version = EXT2_HASH_HALF_MD4;
    /* Whatever the compiler's char is. */
    super->s_flags &= ~(uint32_t)EXT2_FLAGS_UNSIGNED_HASH;
    super->s_flags |= EXT2_FLAGS_SIGNED_HASH;
    super->s_max_mnt_count = (uint16_t)-1;
}

/* Allocates the inode tables, which are holes, and marks them as zeroed. */
static errcode_t place_tables(ext2_filsys fs)
{
    errcode_t err = ext2fs_allocate_tables(fs);

    for (dgrp_t group = 0; err == 0 && group < fs->group_desc_count; group++) {
        ext2fs_bg_flags_set(fs, group, EXT2_BG_INODE_ZEROED);
        ext2fs_group_desc_csum_set(fs, group);
    }
    return err;
}

/* Makes the root directory, and reserves the inodes that ext4 keeps for itself. */
static errcode_t fill(ext2_filsys fs)
{
    errcode_t err = ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL);

    if (err != 0)
        return err;
    for (ext2_ino_t inode = 1; inode < EXT2_FIRST_INODE(fs->super); inode++)
        if (inode != EXT2_ROOT_INO)
            ext2fs_inode_alloc_stats2(fs, inode, +1, 0);
    ext2fs_mark_super_dirty(fs);
    return 0;
}

/* Adds a journal that suits the size of the disk: at least 4 MiB. */
static errcode_t add_journal(ext2_filsys fs)
{
    int blocks = ext2fs_default_journal_size(ext2fs_blocks_count(fs->super));

    if (blocks > JOURNAL_BLOCKS_MAX)
        blocks = JOURNAL_BLOCKS_MAX;
    return ext2fs_add_journal_inode(fs, (blk_t)blocks,
                                    EXT2_MKJOURNAL_LAZYINIT | EXT2_MKJOURNAL_NO_MNT_CHECK);
}

/* Makes the file system in the file FD. */
static errcode_t make(int fd, struct ext2_super_block *param, bool journal)
{
    ext2_filsys fs = NULL;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* the manager closes it */

    if (own < 0)
        return errno;
    CLEANUP(freep) char *number = xasprintf("%d", own); /* its way to name a file */
    errcode_t err = ext2fs_initialize(number, EXT2_FLAG_64BITS, param, unixfd_io_manager, &fs);

    if (err != 0)
        return err;
    fix_identity(fs, !journal);
    err = place_tables(fs);
    if (err == 0)
        err = fill(fs);
    if (err == 0 && journal)
        err = add_journal(fs);
    if (err == 0)
        err = ext2fs_close2(fs, EXT2_FLAG_FLUSH_NO_SYNC);
    if (err != 0)
        ext2fs_free(fs); /* ext2fs_close2 frees only what it could write */
    return err;
}

/* Copies the file MEMORY, of SIZE bytes, to the empty file TO, which is called PATH. */
static struct error *copy_disk(int memory, uint64_t size, int to, const char *path)
{
    if (ftruncate(to, (off_t)size) < 0)
        return error_errno(EXIT_OTHER, "write '%s'", path);
    return file_copy_data(memory, "a file in memory", size, UINT64_MAX, to, path);
}

/* Opens a file in memory, or where a filter of system calls forbids that, one without a name beside
 * PATH. Returns it, or -1 with errno. */
static int open_memory(const char *path)
{
    int fd = memfd_create("disk", MFD_CLOEXEC);

    if (fd >= 0)
        return fd;
    CLEANUP(freep) char *copy = xstrdup(path);

    return open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* libext2fs syncs the file that it opens, which may have to wait for what other processes wrote. So
 * the file system is made in memory, where it takes a few pages, and then copied. */
static struct error *make_disk(const char *path, uint64_t size, uint64_t inodes, bool journal)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct ext2_super_block param;
    uint64_t blocks = size / BLOCK_SIZE;
    CLEANUP(closep) int memory = open_memory(path);
    CLEANUP(closep) int to = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    if (blocks > UINT32_MAX)
        blocks = UINT32_MAX; /* without the 64bit feature: 16 TiB less one block */
    if (to < 0 || memory < 0 || ftruncate(memory, (off_t)(blocks * BLOCK_SIZE)) < 0)
        return error_errno(EXIT_OTHER, "create the disk '%s'", path);
    pthread_once(&once, initialize_ext2_error_table);
    describe(&param, blocks, inodes, !journal);
    errcode_t err = make(memory, &param, journal);

    if (err != 0)
        return error_new(err == ENOSPC ? EXIT_DISK_FULL : EXIT_OTHER, "create the disk '%s': %s",
                         path, error_message(err));
    struct error *failure = copy_disk(memory, blocks * BLOCK_SIZE, to, path);

    if (failure != NULL && failure->code == EXIT_DISK_FULL)
        failure = error_advise(failure, "free space there, or set TMPDIR to a directory on another "
                                        "file system");
    return file_system_explain(error_context(failure, "create the disk '%s'", path), path);
}

struct error *scratch_disk_make(const char *path, uint64_t size)
{
    return make_disk(path, size, 0, true);
}

struct error *scratch_disk_make_for_base(const char *path, uint64_t size, uint64_t inodes)
{
    return make_disk(path, size, inodes, false);
}
