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
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "tests/unit/store/fixture.h"

static void test_changed_blob_is_dropped(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "bytes that will be changed");
    char *path = store_find(store, STORE_BLOB, blob.hex);

    (void)state;
    store_free(store);
    store = open_store();
    overwrite(path, "B", 0);
    assert_null(store_find(store, STORE_BLOB, blob.hex));
    assert_int_equal(access(path, F_OK), -1);
    free(path);
    store_free(store);
}

/* Its facts are a line, without a NUL in them. */
static void test_empty_blob_is_found_again(void **state)
{
    struct store *store = open_store();
    struct digest empty = publish_blob(store, "");

    (void)state;
    store_free(store);
    store = open_store();
    assert_true(finds(store, STORE_BLOB, empty.hex));
    store_free(store);
}

static void test_truncated_disk_is_dropped(void **state)
{
    struct store *store = open_store();

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, "a whole disk");
    char *path = store_find(store, STORE_DISK, DISK_KEY);

    assert_non_null(path);
    assert_int_equal(chmod(path, 0600), 0); /* what is kept can be read only, by its owner too */
    assert_int_equal(truncate(path, 3), 0);
    store_free(store);
    store = open_store();
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    free(path);
    store_free(store);
}

static void test_rotten_entries_are_dropped(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "bytes that rot in the middle");
    char *blob_path = store_find(store, STORE_BLOB, blob.hex);

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, "a disk that rots in the middle");
    publish(store, STORE_SNAPSHOT, DISK_KEY, "a saved VM that rots in the middle");
    char *disk_path = store_find(store, STORE_DISK, DISK_KEY);
    char *snapshot_path = store_find(store, STORE_SNAPSHOT, DISK_KEY);

    store_free(store);
    rot(blob_path);
    rot(disk_path);
    rot(snapshot_path);
    store = open_store();
    assert_false(finds(store, STORE_BLOB, blob.hex));
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    assert_false(finds(store, STORE_SNAPSHOT, DISK_KEY));
    assert_int_equal(access(blob_path, F_OK), -1);
    assert_int_equal(access(disk_path, F_OK), -1);
    assert_int_equal(access(snapshot_path, F_OK), -1);
    free(blob_path);
    free(disk_path);
    free(snapshot_path);
    store_free(store);
}

/* If the host crashed before the kernel had written a disk, half of it may be there. */
static void test_disk_with_a_gap_is_dropped(void **state)
{
    struct store *store = open_store();
    CLEANUP(freep) char *text = large_text();
    CLEANUP(freep) char *path = NULL;

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, text);
    path = store_find(store, STORE_DISK, DISK_KEY);
    store_free(store);
    assert_int_equal(chmod(path, 0600), 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, LARGE / 2, 4096), 0);
    close(fd);
    store = open_store();
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    store_free(store);
}

static void test_exchanged_entries_are_dropped(void **state)
{
    struct store *store = open_store();
    struct digest one = publish_blob(store, "one blob"), other = publish_blob(store, "two blob");
    char *one_name = xasprintf("blobs/sha256/%s", one.hex);
    char *other_name = xasprintf("blobs/sha256/%s", other.hex);

    (void)state;
    publish(store, STORE_DISK, "aa", "one disk");
    publish(store, STORE_DISK, "bb", "two disk");
    publish(store, STORE_DISK, "cc", "three disk");
    publish(store, STORE_DISK, "dd", "seven disk");
    store_free(store);
    swap(one_name, other_name);
    swap("disks/aa", "disks/bb");
    swap("disks/cc", "disks/dd");
    swap("facts/disks-cc", "facts/disks-dd");
    store = open_store();
    assert_false(finds(store, STORE_BLOB, one.hex));
    assert_false(finds(store, STORE_BLOB, other.hex));
    for (const char *const *key = (const char *const[]){"aa", "bb", "cc", "dd", NULL}; *key != NULL;
         key++)
        assert_false(finds(store, STORE_DISK, *key));
    free(one_name);
    free(other_name);
    store_free(store);
}

static void test_directory_in_place_of_an_entry_is_dropped(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "bytes in place of a directory");
    CLEANUP(freep) char *path = store_find(store, STORE_BLOB, blob.hex);
    CLEANUP(freep) char *command = xasprintf("rm '%s' && mkdir -p '%s/below'", path, path);

    (void)state;
    store_free(store);
    assert_int_equal(system(command), 0);
    store = open_store();
    assert_false(finds(store, STORE_BLOB, blob.hex));
    publish_blob(store, "bytes in place of a directory");
    assert_true(finds(store, STORE_BLOB, blob.hex));
    store_free(store);
}

/* A store that was copied has other times, and may have lost its holes. */
static void test_touched_entries_are_kept(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "bytes that stay");
    char *blob_path = store_find(store, STORE_BLOB, blob.hex);

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, "a disk");
    char *disk = store_find(store, STORE_DISK, DISK_KEY);

    store_free(store);
    assert_int_equal(utimensat(AT_FDCWD, blob_path, NULL, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, disk, NULL, 0), 0);
    store = open_store();
    assert_true(finds(store, STORE_BLOB, blob.hex));
    assert_true(finds(store, STORE_DISK, DISK_KEY));
    free(blob_path);
    free(disk);
    store_free(store);
}

static void test_lost_facts_cost_all_but_blobs(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "bytes without facts");
    char *command = xasprintf("rm '%s'/facts/*", folder);

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, "a disk without facts");
    store_free(store);
    assert_int_equal(system(command), 0);
    store = open_store();
    assert_true(finds(store, STORE_BLOB, blob.hex));
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    free(command);
    store_free(store);
}

static void test_rotten_facts_do_not_count(void **state)
{
    struct store *store = open_store();
    CLEANUP(freep) char *facts = xasprintf("%s/facts/disks-" DISK_KEY, folder);

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, "a disk");
    store_free(store);
    rot(facts);
    store = open_store();
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    store_free(store);
}

/* Work of store_run: finds the blob and settles. */
struct late_work {
    struct store *store;
    const char *key;
    enum store_kind kind;
    bool publishes;
    bool is_unused;
    unsigned int runs;
    bool found[2];
};

static struct error *find_late(void *context)
{
    struct late_work *work = context;

    assert_true(work->runs < 2);
    CLEANUP(freep)
    char *entry = work->kind == STORE_SNAPSHOT
                      ? store_find(work->store, work->kind, work->key)
                      : store_find_unchecked(work->store, work->kind, work->key);

    work->found[work->runs++] = entry != NULL;
    if (!work->is_unused)
        store_use(work->store, entry);
    if (!work->publishes)
        return store_settle(work->store);
    CLEANUP(freep) char *path = NULL;
    int fd = -1;

    assert_null(store_temporary(work->store, &path, &fd));
    close(fd);
    return store_publish(work->store, STORE_DISK, "dd", path, NULL);
}

/* Runs the work on an entry of KIND that is damaged or not. */
static struct late_work run_late(enum store_kind kind, bool damaged, bool publishes, bool unused)
{
    CLEANUP(freep) char *text = large_text();
    struct digest blob;
    struct store *store = open_store();
    struct late_work work = {.kind = kind, .publishes = publishes, .is_unused = unused};

    digest_of(text, strlen(text), &blob);
    work.key = kind == STORE_BLOB ? blob.hex : DISK_KEY;
    publish(store, kind, work.key, text);
    CLEANUP(freep) char *path = store_find(store, kind, work.key);

    store_free(store);
    if (damaged)
        rot(path);
    work.store = store = open_store();
    struct error *err = store_run(store, true, find_late, &work);

    if (err != NULL) { /* then the supervisor starts another process */
        assert_int_equal(err->code, EXIT_AGAIN);
        error_free(err);
        store_free(store);
        work.store = store = open_store();
        assert_null(store_run(store, true, find_late, &work));
    }
    assert_int_equal(access(path, F_OK), damaged && !unused ? -1 : 0);
    assert_int_equal(finds(store, STORE_DISK, "dd"), publishes);
    store_drop(store, STORE_DISK, "dd");
    store_free(store);
    return work;
}

static void test_late_check_of_a_sound_entry(void **state)
{
    (void)state;
    for (enum store_kind kind = STORE_BLOB; kind <= STORE_SNAPSHOT; kind++) {
        struct late_work work = run_late(kind, false, kind == STORE_DISK, false);

        assert_int_equal(work.runs, 1);
        assert_true(work.found[0]);
    }
}

static void test_late_check_of_a_damaged_entry(void **state)
{
    (void)state;
    for (unsigned int publishes = 0; publishes < 2; publishes++) {
        struct late_work blob = run_late(STORE_BLOB, true, publishes, false);
        struct late_work disk = run_late(STORE_DISK, true, publishes, false);

        assert_int_equal(blob.runs, 2);
        assert_true(blob.found[0]);
        assert_false(blob.found[1]);
        assert_int_equal(disk.runs, 2);
        assert_true(disk.found[0]);
        assert_false(disk.found[1]);
    }
}

static void test_unused_entry_does_not_matter(void **state)
{
    struct late_work work = run_late(STORE_BLOB, true, true, true);

    (void)state;
    assert_int_equal(work.runs, 1);
    assert_true(work.found[0]);
}

/* QEMU trusts the state that it resumes from. */
static void test_saved_vm_is_never_checked_late(void **state)
{
    struct late_work work = run_late(STORE_SNAPSHOT, true, false, false);

    (void)state;
    assert_int_equal(work.runs, 1);
    assert_false(work.found[0]);
}

/* Work of store_run: what it drops itself does not make it run again. */
static struct error *find_and_drop(void *context)
{
    struct late_work *work = context;

    CLEANUP(freep) char *path = store_find_unchecked(work->store, STORE_DISK, DISK_KEY);

    work->runs++;
    assert_non_null(path);
    store_use(work->store, path);
    store_drop(work->store, STORE_DISK, DISK_KEY);
    return store_settle(work->store);
}

static void test_dropped_entry_does_not_matter(void **state)
{
    CLEANUP(freep) char *text = large_text();
    struct store *store = open_store();
    struct late_work work = {0};

    (void)state;
    publish(store, STORE_DISK, DISK_KEY, text);
    CLEANUP(freep) char *path = store_find(store, STORE_DISK, DISK_KEY);

    store_free(store);
    rot(path);
    work.store = store = open_store();
    assert_null(store_run(store, true, find_and_drop, &work));
    assert_int_equal(work.runs, 1);
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changed_blob_is_dropped),
        cmocka_unit_test(test_empty_blob_is_found_again),
        cmocka_unit_test(test_truncated_disk_is_dropped),
        cmocka_unit_test(test_rotten_entries_are_dropped),
        cmocka_unit_test(test_disk_with_a_gap_is_dropped),
        cmocka_unit_test(test_exchanged_entries_are_dropped),
        cmocka_unit_test(test_directory_in_place_of_an_entry_is_dropped),
        cmocka_unit_test(test_touched_entries_are_kept),
        cmocka_unit_test(test_lost_facts_cost_all_but_blobs),
        cmocka_unit_test(test_rotten_facts_do_not_count),
        cmocka_unit_test(test_late_check_of_a_sound_entry),
        cmocka_unit_test(test_late_check_of_a_damaged_entry),
        cmocka_unit_test(test_unused_entry_does_not_matter),
        cmocka_unit_test(test_saved_vm_is_never_checked_late),
        cmocka_unit_test(test_dropped_entry_does_not_matter),
    };

    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
