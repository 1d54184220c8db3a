/* The scratch disk: what libext2fs made is what e2fsck calls clean, costs next to nothing, and is
 * the same every time. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/machine/scratch_disk.h"
#include "tests/unit/folder.h"
#include "tests/unit/machine/fixture.h"

#define MIB (UINT64_C(1) << 20)

/* An empty file in the directory. */
static char *empty_file(const char *name)
{
    char *path = xasprintf("%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
    return path;
}

static void test_sizes_are_clean(void **state)
{
    /* The smallest, around one block group (128 MiB), and the default. */
    static const uint64_t sizes[] = {SCRATCH_DISK_MIN_MIB, 127, 128, 129, 10240};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        CLEANUP(freep) char *path = empty_file("disk");

        assert_null(scratch_disk_make(path, sizes[i] * MIB));
        check_clean(path);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_default_costs_little(void **state)
{
    CLEANUP(freep) char *path = empty_file("disk");
    struct stat status;

    (void)state;
    assert_null(scratch_disk_make(path, 10240 * MIB));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 10240 * MIB);
    assert_true(status.st_blocks * UINT64_C(512) < MIB);
    assert_int_equal(unlink(path), 0);
}

static void test_is_reproducible(void **state)
{
    CLEANUP(freep) char *one = empty_file("one"), *two = empty_file("two");
    char *bytes[2];
    const size_t length = 200 * MIB;

    (void)state;
    assert_null(scratch_disk_make(one, length));
    assert_int_equal(setenv("E2FSPROGS_FAKE_TIME", "1000000", 1), 0);
    assert_null(scratch_disk_make(two, length));
    assert_int_equal(unsetenv("E2FSPROGS_FAKE_TIME"), 0);
    for (int i = 0; i < 2; i++) {
        int fd = open(i == 0 ? one : two, O_RDONLY | O_CLOEXEC);

        bytes[i] = xcalloc(length, 1);
        assert_int_equal(read(fd, bytes[i], length), length);
        close(fd);
    }
    assert_memory_equal(bytes[0], bytes[1], length);
    free(bytes[0]);
    free(bytes[1]);
    assert_int_equal(unlink(one), 0);
    assert_int_equal(unlink(two), 0);
}

static void test_inodes_as_asked(void **state)
{
    CLEANUP(freep) char *path = empty_file("disk");
    unsigned char count[4];

    (void)state;
    assert_null(scratch_disk_make_for_base(path, 1000 * MIB, 400000));
    check_clean(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    /* s_inodes_count, the first field of the superblock at byte 1024. */
    assert_int_equal(pread(fd, count, sizeof count, 1024), sizeof count);
    close(fd);
    assert_true(count[0] + count[1] * 256u + count[2] * 65536u >= 400000);
    assert_int_equal(unlink(path), 0);
}

/* Whatever its size: s_log_groups_per_flex, of the superblock at byte 1024. */
static void test_base_is_one_flexible_group(void **state)
{
    static const uint64_t sizes[] = {128, 2048, 4096, 65536, 1048576}; /* MiB */
    const uint64_t group = 128 * MIB;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        CLEANUP(freep) char *path = empty_file("disk");
        unsigned char log;

        assert_null(scratch_disk_make_for_base(path, sizes[i] * MIB, 0));
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        assert_int_equal(pread(fd, &log, 1, 1024 + 0x174), 1);
        close(fd);
        assert_true(group << log >= sizes[i] * MIB);
        if (sizes[i] <= 65536) /* a larger one takes e2fsck minutes */
            check_clean(path);
        assert_int_equal(unlink(path), 0);
    }
}

static bool has_journal(const char *path)
{
    unsigned char features[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    /* s_feature_compat, of the superblock at byte 1024; has_journal is 4. */
    assert_int_equal(pread(fd, features, sizeof features, 1024 + 0x5c), sizeof features);
    close(fd);
    return features[0] & 4;
}

static void test_scratch_has_a_journal(void **state)
{
    CLEANUP(freep) char *path = empty_file("disk");

    (void)state;
    assert_null(scratch_disk_make(path, SCRATCH_DISK_MIN_MIB * MIB));
    assert_true(has_journal(path));
    assert_null(scratch_disk_make_for_base(path, SCRATCH_DISK_MIN_MIB * MIB, 0));
    assert_false(has_journal(path));
    check_clean(path);
    assert_int_equal(unlink(path), 0);
}

static void test_missing_file_is_an_error(void **state)
{
    struct error *err = scratch_disk_make("/nonexistent/disk", 64 * MIB);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_OTHER);
    assert_string_equal(err->message,
                        "create the disk '/nonexistent/disk': No such file or directory");
    error_free(err);
}

static void test_too_many_inodes_is_an_error(void **state)
{
    CLEANUP(freep) char *path = empty_file("disk");
    struct error *err = scratch_disk_make_for_base(path, 16 * MIB, UINT64_C(1) << 40);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_OTHER);
    assert_non_null(strstr(err->message, path));
    error_free(err);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_are_clean),
        cmocka_unit_test(test_default_costs_little),
        cmocka_unit_test(test_is_reproducible),
        cmocka_unit_test(test_inodes_as_asked),
        cmocka_unit_test(test_base_is_one_flexible_group),
        cmocka_unit_test(test_scratch_has_a_journal),
        cmocka_unit_test(test_missing_file_is_an_error),
        cmocka_unit_test(test_too_many_inodes_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_empty_folder);
}
