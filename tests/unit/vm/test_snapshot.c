/* Snapshots: when one is due, and what it restores. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/temporary.h"
#include "host/vm/snapshot.h"

#define DISK_SIZE (UINT64_C(1) << 30)
#define STATE "the state"

static char disk[] = "/var/tmp/test_snapshot.XXXXXX";
static struct store *store;
static struct digest key;

static int open_store(void **state)
{
    int fd = mkstemp(disk);

    (void)state;
    if (fd < 0 || close(fd) < 0)
        return -1;
    digest_of("machine", strlen("machine"), &key);
    return store_open(NULL, true, &store) == NULL ? 0 : -1;
}

static int close_store(void **state)
{
    (void)state;
    store_free(store);
    return unlink(disk);
}

/* Makes the disk a hole with TEXT at each of two places. */
static void fill_disk(const char *text)
{
    CLEANUP(closep) int fd = open(disk, O_WRONLY | O_TRUNC | O_CLOEXEC);

    assert_int_equal(ftruncate(fd, (off_t)DISK_SIZE), 0);
    assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
    assert_int_equal(pwrite(fd, text, strlen(text), (off_t)DISK_SIZE / 2), strlen(text));
}

static void expect(int fd, off_t at, const char *text)
{
    char bytes[32];

    assert_int_equal(pread(fd, bytes, strlen(text), at), strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static struct error *keep(void)
{
    CLEANUP(temporary_removep) char *path = NULL;
    CLEANUP(closep) int fd = -1;

    assert_null(store_temporary(store, &path, &fd));
    assert_null(snapshot_seek_state(fd, DISK_SIZE));
    assert_int_equal(write(fd, STATE, strlen(STATE)), strlen(STATE));
    return snapshot_keep(store, &key, path, fd, DISK_SIZE, disk);
}

static void test_gives_back_disk_and_state(void **state)
{
    char bytes[sizeof STATE];
    struct stat status;

    (void)state;
    assert_true(snapshot_open(store, &key) < 0);
    fill_disk("saved");
    assert_null(keep());
    fill_disk("changed since");
    CLEANUP(closep) int fd = snapshot_open(store, &key);

    assert_true(fd >= 0);
    assert_null(snapshot_restore_disk(fd, DISK_SIZE, disk));
    assert_null(snapshot_seek_state(fd, DISK_SIZE));
    assert_int_equal(read(fd, bytes, sizeof bytes), strlen(STATE));
    assert_memory_equal(bytes, STATE, strlen(STATE));

    CLEANUP(closep) int restored = open(disk, O_RDONLY | O_CLOEXEC);

    assert_int_equal(fstat(restored, &status), 0);
    assert_int_equal(status.st_size, DISK_SIZE);
    assert_true((uint64_t)status.st_blocks * 512 < DISK_SIZE / 4);
    expect(restored, 0, "saved\0\0\0\0");
    expect(restored, (off_t)DISK_SIZE / 2, "saved\0\0\0\0");
    snapshot_drop(store, &key);
    assert_true(snapshot_open(store, &key) < 0);
}

/* As a disk is whose file system knows no holes. */
static void test_refuses_a_disk_full_of_data(void **state)
{
    static char piece[1 << 20];
    CLEANUP(closep) int fd = open(disk, O_WRONLY | O_TRUNC | O_CLOEXEC);

    (void)state;
    for (int i = 0; i < 17; i++)
        assert_int_equal(write(fd, piece, sizeof piece), sizeof piece);
    assert_int_equal(ftruncate(fd, (off_t)DISK_SIZE), 0);
    CLEANUP(error_freep) struct error *err = keep();

    assert_non_null(err);
    assert_true(snapshot_open(store, &key) < 0);
}

static void test_is_due(void **state)
{
    (void)state;
    assert_false(snapshot_is_due(store, &key, false)); /* the first */
    assert_true(snapshot_is_due(store, &key, false));
    assert_true(snapshot_is_due(store, &key, true));
    snapshot_drop(store, &key);
    assert_true(snapshot_is_due(store, &key, false));
    snapshot_give_up(store, &key);
    assert_false(snapshot_is_due(store, &key, false));
    assert_false(snapshot_is_due(store, &key, true));
    digest_of("another", strlen("another"), &key);
    assert_true(snapshot_is_due(store, &key, true)); /* the first, but not of the store */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_back_disk_and_state),
        cmocka_unit_test(test_refuses_a_disk_full_of_data),
        cmocka_unit_test(test_is_due),
    };

    if (temporary_setup() != NULL)
        return 1;
    return cmocka_run_group_tests(tests, open_store, close_store);
}
