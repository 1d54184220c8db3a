#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/store/store_pruning.h"
#include "host/store/store_record.h"
#include "tests/unit/store/fixture.h"

static void test_entry_is_found_again(void **state)
{
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "some bytes");
    struct stat status;

    (void)state;
    publish(store, STORE_DERIVED, "gzip-1/00ff", "derived");
    store_free(store);
    store = open_store();
    assert_true(finds(store, STORE_DERIVED, "gzip-1/00ff"));
    assert_false(finds(store, STORE_DERIVED, "gzip-2/00ff"));
    char *path = store_find(store, STORE_BLOB, blob.hex);

    assert_non_null(path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0444);
    free(path);
    store_free(store);
}

static void test_lock_is_exclusive_and_survives_pruning(void **state)
{
    struct store *store = open_store();
    char *path = xasprintf("%s/lock/disks-%s", folder, DISK_KEY);
    int fd = -1;

    (void)state;
    assert_null(store_lock(store, STORE_DISK, DISK_KEY, &fd));
    int other = open(path, O_RDWR | O_CLOEXEC);

    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    assert_null(store_prune(store, 0, NULL));
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
    assert_null(store_prune(store, 0, NULL));
    assert_int_equal(access(path, F_OK), -1);
    close(other);
    assert_null(store_lock(store, STORE_DISK, DISK_KEY, &fd));
    close(fd);
    free(path);
    store_free(store);
}

/* Replaces FOLDER/NAME by a directory that is not empty. */
static void put_folder(const char *name)
{
    char *command = xasprintf("cd '%s' && rm -rf %s && mkdir -p %s/x/y && : > %s/x/f", folder, name,
                              name, name);

    assert_int_equal(system(command), 0);
    free(command);
}

/* Something else in the place of a file is as good as nothing, wherever that is. */
static void test_directories_in_place_of_files(void **state)
{
    static const char *const names[] = {"blobs/sha256/", "facts/blobs-sha256-",
                                        "lock/blobs-sha256-", "records/kind/key"};
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "some bytes");
    struct json *record = json_object();

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = xasprintf("%s%s", names[i], i < 3 ? blob.hex : "");
        int lock = -1;

        put_folder(name);
        free(name);
        free(store_find(store, STORE_BLOB, blob.hex));
        assert_null(store_lock(store, STORE_BLOB, blob.hex, &lock));
        close(lock);
        publish_blob(store, "some bytes");
        assert_true(finds(store, STORE_BLOB, blob.hex));
        store_record_put(store, "kind", "key", record);
        struct json *kept = store_record_get(store, "kind", "key");

        assert_non_null(kept);
        json_free(kept);
    }
    json_free(record);
    store_free(store);
}

static void test_files_in_place_of_directories(void **state)
{
    char *command =
        xasprintf("cd '%s' && rm -rf blobs facts && : > blobs && ln -s / facts", folder);

    (void)state;
    store_free(open_store());
    assert_int_equal(system(command), 0);
    free(command);
    struct store *store = open_store();
    struct digest blob = publish_blob(store, "some bytes");

    assert_true(finds(store, STORE_BLOB, blob.hex));
    store_free(store);
}

static void test_default_place(void **state)
{
    char *path = NULL;

    (void)state;
    setenv("XDG_CACHE_HOME", "/x/cache", 1);
    assert_null(store_locate(NULL, &path));
    assert_string_equal(path, "/x/cache/vmbuild");
    free(path);
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", "/home/y", 1);
    assert_null(store_locate(NULL, &path));
    assert_string_equal(path, "/home/y/.cache/vmbuild");
    free(path);
    unsetenv("HOME");
    unsetenv("XDG_CACHE_HOME");
    struct error *err = store_locate(NULL, &path);

    assert_non_null(err);
    assert_non_null(strstr(err->advice, "--cache-dir"));
    error_free(err);
}

static void test_unusable_folders_are_refused(void **state)
{
    struct store *store = NULL;
    struct error *err = store_open("/proc/nothing/here", false, &store);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_OTHER);
    assert_non_null(strstr(err->advice, "--no-cache"));
    error_free(err);
    err = store_open("/tmp", false, &store);
    assert_non_null(err);
    assert_non_null(strstr(err->message, "everyone"));
    error_free(err);
    setenv("VMBUILD_CACHE_LIMIT", "12 GiB", 1);
    err = store_open(folder, false, &store);
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_USAGE);
    error_free(err);
    unsetenv("VMBUILD_CACHE_LIMIT");
    assert_null(store);
}

/* Whether the default store is one that is thrown away. */
static bool default_is_thrown_away(void)
{
    struct store *store = NULL;

    assert_null(store_open(NULL, false, &store));
    bool thrown_away = store_is_thrown_away(store);

    publish(store, STORE_BLOB, NULL, "not for long");
    store_free(store);
    return thrown_away;
}

static void test_default_store_that_cannot_be_is_done_without(void **state)
{
    CLEANUP(freep) char *usual = xasprintf("%s/home", folder);
    CLEANUP(freep) char *file = xasprintf("%s/file", folder);
    const char *const homes[] = {"/proc/nothing", "/", "//", "relative", "", file, NULL};
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    setenv("TMPDIR", folder, 1);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_true(default_is_thrown_away());
    for (size_t i = 0; homes[i] != NULL; i++) {
        setenv("HOME", homes[i], 1);
        assert_true(default_is_thrown_away());
    }
    setenv("HOME", usual, 1);
    assert_false(default_is_thrown_away());
    setenv("XDG_CACHE_HOME", "/proc/nothing", 1);
    assert_true(default_is_thrown_away());
    unsetenv("XDG_CACHE_HOME");
    unsetenv("TMPDIR");
}

static void test_store_that_cannot_be_replaced_stays(void **state)
{
    CLEANUP(freep) char *cache = xasprintf("%s/broken", folder);
    CLEANUP(freep) char *file = xasprintf("%s/broken/vmbuild", folder);
    struct store *store = NULL;

    (void)state;
    assert_int_equal(mkdir(cache, 0700), 0);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    setenv("XDG_CACHE_HOME", cache, 1);
    setenv("TMPDIR", "/proc/nothing", 1);
    struct error *err = store_open(NULL, false, &store);

    assert_non_null(err);
    assert_non_null(strstr(err->message, file));
    assert_non_null(strstr(err->message, "/proc/nothing"));
    assert_int_equal(access(file, F_OK), 0);
    error_free(err);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("TMPDIR");
}

/* The directory itself becomes a store in the tests that follow. */
static int empty_folder(void **state)
{
    CLEANUP(freep) char *command = xasprintf("rm -r '%s/broken'", folder);

    (void)state;
    return system(command);
}

static void test_default_store_that_is_not_safe_is_refused(void **state)
{
    CLEANUP(freep) char *path = xasprintf("%s/shared/vmbuild", folder);
    CLEANUP(freep) char *shared = xasprintf("%s/shared", folder);
    struct store *store = NULL;

    (void)state;
    assert_int_equal(mkdir(shared, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0777), 0);
    setenv("XDG_CACHE_HOME", shared, 1);
    struct error *err = store_open(NULL, false, &store);

    assert_non_null(err);
    assert_non_null(strstr(err->message, "everyone"));
    error_free(err);
    unsetenv("XDG_CACHE_HOME");
}

/* Runs COMMAND in the directory FOLDER/NAME, which it makes, and expects that a store opens there
 * or not. */
static void expect_store_in(const char *name, const char *command, bool opens)
{
    char *path = xasprintf("%s/%s", folder, name);
    char *line = xasprintf("mkdir '%s' && cd '%s' && %s", path, path, command);
    struct store *store = NULL;

    assert_int_equal(system(line), 0);
    struct error *err = store_open(path, false, &store);

    assert_int_equal(err == NULL, opens);
    if (err != NULL)
        assert_non_null(strstr(err->message, "CACHEDIR.TAG"));
    error_free(err);
    store_free(store);
    free(line);
    free(path);
}

/* Nothing of a directory that is not a cache's is deleted: it does not become one. */
static void test_directories_of_others_are_refused(void **state)
{
    (void)state;
    expect_store_in("empty", ":", true);
    expect_store_in("volume", "mkdir lost+found", true);
    expect_store_in("kept", "mkdir -p blobs/sha256 disks facts", true);
    expect_store_in("link", "ln -s / blobs", false);
    expect_store_in("half", ": > CACHEDIR.TAG && mkdir blobs", true);
    expect_store_in("project", "echo mine > lock && echo mine > .hidden", false);
    expect_store_in("hidden", ": > .hidden", false);
    expect_store_in("other",
                    "echo 'Signature: 8a477f597d28d172789f06886806bc55' > CACHEDIR.TAG && "
                    "mkdir blobs && echo mine > blobs/sha256",
                    false);
    char *check = xasprintf("cd '%s' && grep -q mine project/lock project/.hidden "
                            "other/blobs/sha256 && [ $(ls project | wc -l) = 1 ]",
                            folder);

    assert_int_equal(system(check), 0);
    free(check);
}

static void test_throw_away_store_leaves_nothing(void **state)
{
    struct store *store = NULL;

    (void)state;
    setenv("TMPDIR", folder, 1);
    assert_null(store_open(NULL, true, &store));
    char *path = xstrdup(store_folder(store));

    publish(store, STORE_BLOB, NULL, "not for long");
    store_free(store);
    assert_int_equal(access(path, F_OK), -1);
    free(path);
    unsetenv("TMPDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: it must have no place for temporaries, and the others make one for good. */
        cmocka_unit_test_setup_teardown(test_store_that_cannot_be_replaced_stays, NULL,
                                        empty_folder),
        cmocka_unit_test(test_entry_is_found_again),
        cmocka_unit_test(test_lock_is_exclusive_and_survives_pruning),
        cmocka_unit_test(test_directories_in_place_of_files),
        cmocka_unit_test(test_files_in_place_of_directories),
        cmocka_unit_test(test_default_place),
        cmocka_unit_test(test_unusable_folders_are_refused),
        cmocka_unit_test(test_default_store_that_cannot_be_is_done_without),
        cmocka_unit_test(test_default_store_that_is_not_safe_is_refused),
        cmocka_unit_test(test_directories_of_others_are_refused),
        cmocka_unit_test(test_throw_away_store_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
