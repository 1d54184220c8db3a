/* Disks of the store that lie over one another. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/store/store_disk.h"
#include "host/store/store_pruning.h"
#include "tests/unit/folder.h"

#define BLOCK 4096
#define SIZE (600 * BLOCK)
#define KEY_MAX 16

static struct store *store;
static char content[SIZE]; /* of the disk that was made last */

/* Publishes CONTENT as the whole disk KEY. */
static void publish_whole(const char *key)
{
    CLEANUP(freep) char *path = NULL;
    CLEANUP(closep) int fd = -1;

    assert_null(store_temporary(store, &path, &fd));
    assert_int_equal(ftruncate(fd, SIZE), 0);
    assert_int_equal(pwrite(fd, content, SIZE / 2, 0), SIZE / 2);
    assert_null(store_publish(store, STORE_DISK, key, path, NULL));
}

static int set_up(void **state)
{
    if (make_folder(state) != 0 || store_open(folder, false, &store) != NULL)
        return -1;
    memset(content, 0, SIZE);
    for (size_t i = 0; i < SIZE / 2; i++)
        content[i] = (char)(i * 7 + i / BLOCK + 1);
    publish_whole("a0");
    return 0;
}

static int tear_down(void **state)
{
    store_free(store);
    return remove_folder(state);
}

static struct store_disk *open_disk(const char *key)
{
    struct store_disk *disk = NULL;

    assert_null(store_disk_open(store, key, &disk));
    return disk;
}

static void write_to(struct store_disk *disk, uint64_t offset, size_t length, int value)
{
    memset(content + offset, value, length);
    assert_int_equal(store_disk_write(disk, offset, length, content + offset), 0);
}

static void expect_content(struct store_disk *disk)
{
    static char bytes[SIZE];

    assert_int_equal(store_disk_size(disk), SIZE);
    assert_true(store_disk_read(disk, 0, SIZE, bytes));
    assert_memory_equal(bytes, content, SIZE);
    assert_true(store_disk_read(disk, 3 * BLOCK + 5, 5 * BLOCK, bytes));
    assert_memory_equal(bytes, content + 3 * BLOCK + 5, 5 * BLOCK);
}

/* Makes the disk KEY of the disk BELOW, by some writes of VALUE. */
static void make_over(const char *below, const char *key, int value)
{
    CLEANUP(store_disk_freep) struct store_disk *disk = open_disk(below);

    assert_null(store_disk_extend(disk));
    write_to(disk, 0, 1, value);
    write_to(disk, (uint64_t)value * BLOCK, 2 * BLOCK, value);
    write_to(disk, SIZE - BLOCK - 10, 20, value);
    expect_content(disk);
    assert_null(store_disk_publish(disk, key));
    assert_int_equal(store_disk_write(disk, 0, 1, ""), EPERM);
    expect_content(disk);
}

static void test_whole_disk(void **state)
{
    CLEANUP(store_disk_freep) struct store_disk *disk = open_disk("a0");

    (void)state;
    assert_int_equal(store_disk_depth(disk), 1);
    assert_false(store_disk_is_writable(disk));
    assert_int_equal(store_disk_write(disk, 0, 1, ""), EPERM);
    expect_content(disk);
    assert_null(open_disk("b0"));
}

static void test_file(void **state)
{
    CLEANUP(freep) char *path = xasprintf("%s/file", folder);
    CLEANUP(store_disk_freep) struct store_disk *disk = NULL;
    CLEANUP(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    static char bytes[SIZE];

    (void)state;
    assert_int_equal(ftruncate(fd, SIZE), 0);
    memset(content, 0, SIZE);
    assert_null(store_disk_open_file(path, &disk));
    assert_true(store_disk_is_writable(disk));
    write_to(disk, 0, 1, 1);
    write_to(disk, 3 * BLOCK + 5, 2 * BLOCK, 2);
    write_to(disk, SIZE - 10, 10, 3);
    expect_content(disk);
    assert_int_equal(pread(fd, bytes, SIZE, 0), SIZE);
    assert_memory_equal(bytes, content, SIZE);
    store_disk_free(STEAL(disk));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    struct error *err = store_disk_open_file(path, &disk);

    assert_non_null(err);
    assert_null(disk);
    error_free(err);
}

static void test_disks_over_one_another(void **state)
{
    char key[KEY_MAX] = "a0", next[KEY_MAX];
    struct stat status;
    CLEANUP(freep) char *path = NULL;

    (void)state;
    for (int i = 1; i < 10; i++) {
        snprintf(next, sizeof next, "a%d", i);
        make_over(key, next, i * 4);
        strcpy(key, next);
        CLEANUP(store_disk_freep) struct store_disk *disk = open_disk(key);

        assert_int_equal(store_disk_depth(disk), i + 1);
        expect_content(disk);
    }
    path = store_find(store, STORE_DISK, "a9");
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_blocks * 512 <= 12 * BLOCK); /* five of data, bits, and a footer */
}

/* A disk that is served all the time goes on over what it has published. */
static void test_disk_that_goes_on(void **state)
{
    CLEANUP(store_disk_freep) struct store_disk *disk = open_disk("a0");
    char key[KEY_MAX];

    (void)state;
    for (int i = 1; i <= STORE_DISK_DEPTH_MAX + 2; i++) {
        assert_null(store_disk_extend(disk));
        write_to(disk, 0, 1, i);
        write_to(disk, (uint64_t)i * BLOCK, 2 * BLOCK, i);
        store_disk_freeze(disk);
        assert_int_equal(store_disk_write(disk, 0, 1, ""), EPERM);
        assert_null(store_disk_extend(disk));
        write_to(disk, SIZE - BLOCK - 10, 20, i);
        snprintf(key, sizeof key, "a%d", i);
        assert_null(store_disk_publish(disk, key));
        assert_int_equal(store_disk_write(disk, 0, 1, ""), EPERM);
        expect_content(disk);
        CLEANUP(store_disk_freep) struct store_disk *published = open_disk(key);

        assert_non_null(published);
        expect_content(published);
    }
}

static void test_disk_that_goes_on_over_nothing(void **state)
{
    CLEANUP(store_disk_freep) struct store_disk *disk = open_disk("a0");

    (void)state;
    assert_null(store_disk_extend(disk));
    write_to(disk, 0, 1, 1);
    assert_null(store_disk_publish(disk, "a1"));
    store_drop(store, STORE_DISK, "a1");
    CLEANUP(error_freep) struct error *err = store_disk_extend(disk);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_AGAIN);
}

static void test_what_was_not_published_is_gone(void **state)
{
    struct store_disk *disk = open_disk("a0");
    CLEANUP(freep) char *path = NULL;

    (void)state;
    assert_null(store_disk_extend(disk));
    assert_int_equal(store_disk_write(disk, 0, 1, "x"), 0);
    path = xstrdup(store_disk_path(disk));
    assert_int_equal(access(path, F_OK), 0);
    store_disk_free(disk);
    assert_int_equal(access(path, F_OK), -1);
    disk = open_disk("a0");
    expect_content(disk);
    store_disk_free(disk);
}

static void test_disk_below_that_is_gone(void **state)
{
    (void)state;
    make_over("a0", "a1", 4);
    make_over("a1", "a2", 8);
    store_drop(store, STORE_DISK, "a0");
    assert_null(open_disk("a1"));
    assert_null(open_disk("a2"));
}

/* The same tree, but not the same disk. */
static void test_disk_below_that_was_made_again(void **state)
{
    (void)state;
    make_over("a0", "a1", 4);
    store_drop(store, STORE_DISK, "a0");
    content[5]++;
    publish_whole("a0");
    assert_null(open_disk("a1"));
}

/* Damages the entry KEY, and begins another session. */
static void damage(const char *key, long offset)
{
    CLEANUP(freep) char *path = store_find(store, STORE_DISK, key);
    FILE *file;

    assert_int_equal(chmod(path, 0600), 0);
    file = fopen(path, "r+");
    assert_non_null(file);
    fseek(file, offset, SEEK_SET);
    fputs("rotten", file);
    fclose(file);
    store_free(store);
    assert_null(store_open(folder, false, &store));
}

static void test_damaged_disk_below(void **state)
{
    char bytes[BLOCK];

    (void)state;
    make_over("a0", "a1", 4);
    damage("a0", 200L * BLOCK);
    CLEANUP(store_disk_freep) struct store_disk *disk = open_disk("a1");

    assert_true(store_disk_read(disk, 4 * BLOCK, BLOCK, bytes));
    assert_null(store_settle(store));
    assert_false(store_disk_read(disk, 200 * BLOCK, BLOCK, bytes));
    struct error *err = store_settle(store);

    assert_non_null(strstr(err->message, "disks/a0"));
    error_free(err);
}

/* It does not matter any more, as soon as the disk is made again. */
static void test_damaged_footer(void **state)
{
    (void)state;
    make_over("a0", "a1", 4);
    damage("a1", SIZE + BLOCK + 20);
    assert_null(open_disk("a1"));
    assert_null(store_find(store, STORE_DISK, "a1"));
    assert_null(store_settle(store));
    CLEANUP(store_disk_freep) struct store_disk *below = open_disk("a0");

    assert_non_null(below);
}

static void test_damaged_parts_are_dropped_alone(void **state)
{
    char bytes[BLOCK];

    (void)state;
    make_over("a0", "a1", 100);
    make_over("a1", "a2", 8);
    damage("a1", 100L * BLOCK);
    CLEANUP(store_disk_freep) struct store_disk *disk = open_disk("a2");

    assert_false(store_disk_is_damaged(disk));
    assert_false(store_disk_read(disk, 100 * BLOCK, BLOCK, bytes));
    assert_true(store_disk_is_damaged(disk));
    store_disk_drop(disk);
    assert_null(store_settle(store));
    assert_null(store_find(store, STORE_DISK, "a1"));
    CLEANUP(freep) char *lowest = store_find(store, STORE_DISK, "a0");
    CLEANUP(freep) char *highest = store_find(store, STORE_DISK, "a2");

    assert_non_null(lowest);
    assert_non_null(highest);
    assert_null(open_disk("a2"));
}

/* It cannot be used for another reason. */
static void test_sound_parts_are_dropped_together(void **state)
{
    (void)state;
    make_over("a0", "a1", 4);
    CLEANUP(store_disk_freep) struct store_disk *disk = open_disk("a1");

    store_disk_drop(disk);
    assert_null(store_find(store, STORE_DISK, "a0"));
    assert_null(store_find(store, STORE_DISK, "a1"));
}

/* Makes disks over one another, the last of which, of DEPTH entries, is KEY. */
static void make_deep(int depth, char key[KEY_MAX])
{
    char next[KEY_MAX];

    strcpy(key, "a0");
    for (int i = 1; i < depth; i++) {
        snprintf(next, sizeof next, "a%d", i);
        make_over(key, next, i * 4);
        strcpy(key, next);
    }
}

/* The deepest one is copied. */
static void test_disk_over_the_deepest(void **state)
{
    char key[KEY_MAX];
    struct stat below, status;

    (void)state;
    CLEANUP(freep) char *lowest = store_find(store, STORE_DISK, "a0");

    make_deep(STORE_DISK_DEPTH_MAX, key);
    make_over(key, "ff", 5);
    CLEANUP(freep) char *path = store_find(store, STORE_DISK, "ff");
    CLEANUP(store_disk_freep) struct store_disk *disk = open_disk("ff");

    assert_int_equal(store_disk_depth(disk), 1);
    expect_content(disk);
    assert_int_equal(stat(lowest, &below), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, SIZE);
    assert_true(status.st_blocks < SIZE / 512); /* with holes */
    make_over("ff", "fe", 6);
    for (int i = 0; i < STORE_DISK_DEPTH_MAX; i++) {
        snprintf(key, sizeof key, "a%d", i);
        store_drop(store, STORE_DISK, key);
    }
    CLEANUP(store_disk_freep) struct store_disk *next = open_disk("fe");

    assert_int_equal(store_disk_depth(next), 2);
    expect_content(next);
}

/* Where a block that is to be copied is damaged, there is no disk. */
static void test_damaged_disk_below_the_deepest(void **state)
{
    char key[KEY_MAX];

    (void)state;
    make_deep(STORE_DISK_DEPTH_MAX, key);
    damage("a0", 200L * BLOCK);
    CLEANUP(store_disk_freep) struct store_disk *disk = open_disk(key);

    assert_null(store_disk_extend(disk));
    struct error *err = store_disk_publish(disk, "ff");

    assert_non_null(err);
    error_free(err);
    assert_null(open_disk("ff"));
}

static bool is_there(const char *key)
{
    CLEANUP(freep) char *path = xasprintf("%s/disks/%s", folder, key);

    return access(path, F_OK) == 0;
}

/* Removes what is used least recently of all that the store has, by another session. */
static void prune_once(void)
{
    struct store_entry *entries;
    size_t count;
    uint64_t total = 0;

    store_free(store);
    assert_null(store_open(folder, false, &store));
    assert_null(store_list(store, true, &entries, &count));
    for (size_t i = 0; i < count; i++)
        total += entries[i].disk_size;
    store_entries_free(entries, count);
    assert_null(store_prune(store, total - 1, NULL));
}

/* What lies over a disk is of no use without it. */
static void test_pruning_begins_at_the_top(void **state)
{
    (void)state;
    make_over("a0", "a1", 4);
    make_over("a1", "a2", 8);
    for (int i = 2; i >= 0; i--) {
        char key[KEY_MAX];

        snprintf(key, sizeof key, "a%d", i);
        assert_true(is_there(key));
        prune_once();
        assert_false(is_there(key));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disks_over_one_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_that_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_that_goes_on_over_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_not_published_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_below_that_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_below_that_was_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_disk_below, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_footer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_parts_are_dropped_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sound_parts_are_dropped_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_over_the_deepest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_disk_below_the_deepest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pruning_begins_at_the_top, set_up, tear_down),
    };

    if (temporary_setup() != NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
