/* The disk of a shared directory: e2fsck calls it clean, and it has what the directory has. */
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/machine/share_disk.h"
#include "tests/unit/folder.h"
#include "tests/unit/machine/fixture.h"

#define MANY 3000 /* names: more than a block of a directory holds */
#define LARGE 3000000
#define HOLE (UINT64_C(64) << 20)

static char *disk;
static char *source;

/* Returns the path of NAME in the source, the caller's. */
static char *in_source(const char *name)
{
    return xasprintf("%s/%s", source, name);
}

static void write_file(const char *name, const char *bytes, size_t length, mode_t mode)
{
    CLEANUP(freep) char *path = in_source(name);
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(fchmod(fd, mode), 0);
}

static void make_below(const char *name)
{
    CLEANUP(freep) char *path = in_source(name);

    assert_int_equal(mkdir(path, 0755), 0);
}

static void set_time(const char *name, int64_t seconds, long nanoseconds)
{
    CLEANUP(freep) char *path = in_source(name);
    const struct timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static int set_up(void **state)
{
    (void)state;
    disk = xasprintf("%s/disk", folder);
    source = xasprintf("%s/source", folder);
    int fd = open(disk, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    return fd < 0 || close(fd) || mkdir(source, 0755) ? -1 : 0;
}

static int tear_down(void **state)
{
    CLEANUP(freep) char *command = xasprintf("rm -rf '%s' '%s'", disk, source);

    (void)state;
    free(disk);
    free(source);
    return system(command);
}

/* Opens the disk, after it was made of the source. */
static ext2_filsys open_disk(void)
{
    ext2_filsys fs;

    assert_null(share_disk_make(disk, source));
    check_clean(disk);
    assert_int_equal(ext2fs_open(disk, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs), 0);
    return fs;
}

static ext2_ino_t look_up(ext2_filsys fs, const char *path, struct ext2_inode_large *ret)
{
    ext2_ino_t number;

    assert_int_equal(ext2fs_namei(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &number), 0);
    assert_int_equal(ext2fs_read_inode_full(fs, number, (struct ext2_inode *)ret, (int)sizeof *ret),
                     0);
    return number;
}

/* Whether the file PATH of the disk has the LENGTH bytes at BYTES, and no more. */
static bool has(ext2_filsys fs, const char *path, const char *bytes, size_t length)
{
    struct ext2_inode_large inode;
    ext2_file_t file;
    unsigned got = 0;
    CLEANUP(freep) char *read = xcalloc(1, length + 1);
    ext2_ino_t number = look_up(fs, path, &inode);

    assert_int_equal(ext2fs_file_open(fs, number, 0, &file), 0);
    assert_int_equal(ext2fs_file_read(file, read, (unsigned)length + 1, &got), 0);
    assert_int_equal(ext2fs_file_close(file), 0);
    return got == length && memcmp(read, bytes, length) == 0;
}

static void test_files(void **state)
{
    CLEANUP(freep) char *large = xcalloc(1, LARGE);
    CLEANUP(freep) char *from = in_source("file");
    CLEANUP(freep) char *to = in_source("below/again");
    CLEANUP(freep) char *link = in_source("link");
    CLEANUP(freep) char *far = in_source("far");
    char name[256];
    struct ext2_inode_large inode;

    (void)state;
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i * 7 / 3);
    memset(name, 'n', 200);
    name[200] = '\0';
    make_below("below");
    write_file("file", "bytes", 5, 04751);
    write_file("empty", "", 0, 0644);
    write_file("below/large", large, LARGE, 0600);
    assert_int_equal(linkat(AT_FDCWD, from, AT_FDCWD, to, 0), 0);
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(symlink(name, far), 0);
    set_time("file", 4200000000, 123456789); /* in 2103 */
    set_time("below", 7, 8);
    ext2_filsys fs = open_disk();

    assert_true(has(fs, "file", "bytes", 5));
    assert_true(has(fs, "empty", "", 0));
    assert_true(has(fs, "below/large", large, LARGE));
    assert_int_equal(look_up(fs, "file", &inode), look_up(fs, "below/again", &inode));
    assert_int_equal(inode.i_links_count, 2);
    assert_int_equal(inode.i_mode, S_IFREG | 04751);
    assert_int_equal(inode.i_uid | inode.osd2.linux2.l_i_uid_high << 16, getuid());
    assert_int_equal(inode.i_mtime, (uint32_t)4200000000);
    assert_int_equal(inode.i_mtime_extra, 123456789u << 2 | 1);
    look_up(fs, "below", &inode);
    assert_int_equal(inode.i_mode, S_IFDIR | 0755);
    assert_int_equal(inode.i_mtime, 7);
    assert_int_equal(inode.i_mtime_extra, 8u << 2);
    look_up(fs, "link", &inode);
    assert_int_equal(inode.i_mode, S_IFLNK | 0777);
    assert_int_equal(inode.i_size, strlen("file"));
    look_up(fs, "far", &inode);
    assert_int_equal(inode.i_size, strlen(name));
    assert_int_equal(ext2fs_close(fs), 0);
}

static void test_many_names(void **state)
{
    struct ext2_inode_large inode;

    (void)state;
    make_below("many");
    for (int i = 0; i < MANY; i++) {
        char name[64];

        snprintf(name, sizeof name, "many/a-name-that-takes-some-room-%d", i);
        if (i % 2 == 0)
            make_below(name);
        else
            write_file(name, name, strlen(name), 0644);
    }
    ext2_filsys fs = open_disk();

    look_up(fs, "many", &inode);
    assert_int_equal(inode.i_links_count, MANY / 2 + 2);
    assert_true(has(fs, "many/a-name-that-takes-some-room-2999",
                    "many/a-name-that-takes-some-room-2999",
                    strlen("many/a-name-that-takes-some-room-2999")));
    assert_int_equal(ext2fs_close(fs), 0);
}

static void test_holes_stay_holes(void **state)
{
    CLEANUP(freep) char *path = in_source("hole");
    struct ext2_inode_large inode;
    struct stat status;

    (void)state;
    write_file("hole", "x", 1, 0644);
    assert_int_equal(truncate(path, (off_t)HOLE), 0);
    ext2_filsys fs = open_disk();

    look_up(fs, "hole", &inode);
    assert_int_equal(EXT2_I_SIZE(&inode), HOLE);
    assert_true(inode.i_blocks < 2048);
    assert_int_equal(stat(disk, &status), 0);
    assert_true((uint64_t)status.st_blocks * 512 < HOLE / 4);
    assert_int_equal(ext2fs_close(fs), 0);
}

static void test_special_files(void **state)
{
    CLEANUP(freep) char *pipe = in_source("pipe");
    struct ext2_inode_large inode;

    (void)state;
    assert_int_equal(mkfifo(pipe, 0600), 0);
    ext2_filsys fs = open_disk();

    look_up(fs, "pipe", &inode);
    assert_int_equal(inode.i_mode, S_IFIFO | 0600);
    assert_int_equal(ext2fs_close(fs), 0);
}

static void test_what_cannot_be_read(void **state)
{
    CLEANUP(freep) char *missing = in_source("missing");
    struct error *err = share_disk_make(disk, missing);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    error_free(err);
    if (getuid() == 0)
        return; /* who reads all */
    write_file("secret", "bytes", 5, 0);
    write_file("plain", "bytes", 5, 0644);
    ext2_filsys fs = open_disk();
    ext2_ino_t number;

    assert_true(has(fs, "plain", "bytes", 5));
    assert_int_equal(ext2fs_namei(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, "secret", &number),
                     EXT2_ET_FILE_NOT_FOUND);
    assert_int_equal(ext2fs_close(fs), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_holes_stay_holes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_special_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_read, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_empty_folder);
}
