#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "host/store/store_file.h"
#include "host/store/store_pruning.h"
#include "tests/unit/store/fixture.h"

static void test_pruning_spares_what_is_in_use(void **state)
{
    struct store *store = open_store();
    uint64_t freed = 0;

    (void)state;
    publish(store, STORE_BLOB, NULL, "nobody uses this");
    store_free(store);

    pid_t user = start_child("a disk in use");

    store = open_store();
    assert_null(store_prune(store, 0, &freed));
    assert_true(freed > 0);
    assert_true(finds(store, STORE_DISK, DISK_KEY));
    store_free(store);
    kill_child(user);

    store = open_store();
    assert_null(store_prune(store, 0, NULL));
    assert_false(finds(store, STORE_DISK, DISK_KEY));
    store_free(store);
}

static void test_pruning_takes_the_least_recently_used(void **state)
{
    struct store *store = open_store();
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_nsec = UTIME_OMIT}};
    struct store_entry *entries;
    size_t count;

    (void)state;
    assert_null(store_prune(store, 0, NULL));
    publish(store, STORE_DISK, "aa", "old");
    publish(store, STORE_DISK, "bb", "new");
    char *old = store_find(store, STORE_DISK, "aa");

    assert_int_equal(utimensat(AT_FDCWD, old, long_ago, 0), 0);
    store_free(store);
    store = open_store();
    assert_null(store_list(store, false, &entries, &count));
    assert_int_equal(count, 2);
    assert_string_equal(entries[0].name, "disks/aa");
    assert_false(entries[0].in_use);
    assert_null(store_prune(store, entries[1].disk_size, NULL));
    store_entries_free(entries, count);
    assert_false(finds(store, STORE_DISK, "aa"));
    assert_true(finds(store, STORE_DISK, "bb"));
    free(old);
    store_free(store);
}

/* Only what has grown is pruned in the end. */
static void test_trimming(void **state)
{
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    CLEANUP(freep) char *text = large_text();
    struct store *store = open_store();

    (void)state;
    assert_null(store_prune(store, 0, NULL));
    publish(store, STORE_DISK, "aa", text);
    store_free(store);
    for (size_t i = 0; i < sizeof store_places / sizeof *store_places; i++) {
        CLEANUP(freep) char *place = xasprintf("%s/%s", folder, store_places[i].folder);

        (void)utimensat(AT_FDCWD, place, long_ago, 0);
    }
    setenv("VMBUILD_CACHE_LIMIT", "1", 1);
    store = open_store();
    unsetenv("VMBUILD_CACHE_LIMIT");
    store_trim(store);
    CLEANUP(freep) char *path = xasprintf("%s/disks/aa", folder);

    assert_int_equal(access(path, F_OK), 0);
    publish(store, STORE_DISK, "bb", "new");
    store_trim(store);
    assert_int_equal(access(path, F_OK), -1);
    assert_true(finds(store, STORE_DISK, "bb"));
    store_free(store);
}

static void test_limit(void **state)
{
    setenv("VMBUILD_CACHE_LIMIT", "3", 1);
    struct store *store = open_store();

    (void)state;
    assert_int_equal(store_limit(store), 3 << 20);
    store_free(store);
    unsetenv("VMBUILD_CACHE_LIMIT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pruning_spares_what_is_in_use),
        cmocka_unit_test(test_pruning_takes_the_least_recently_used),
        cmocka_unit_test(test_trimming),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
