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
#include "host/store/store_copy.h"
#include "tests/unit/store/fixture.h"

#define SIZE ((9u << 20) + 5) /* more than may wait to be written */
#define HOLE_AT (1u << 20)
#define HOLE_SIZE (2u << 20)

/* Text with zeros in the middle. */
static char *make_bytes(void)
{
    char *bytes = xcalloc(SIZE, 1);

    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = i < HOLE_AT || i >= HOLE_AT + HOLE_SIZE ? (char)('a' + i % 23) : '\0';
    return bytes;
}

/* Publishes the bytes as a blob by a session of its own, and returns its digest. */
static struct digest publish_bytes(void)
{
    struct store *store = open_store();
    CLEANUP(freep) char *bytes = make_bytes();
    CLEANUP(freep) char *path = NULL;
    struct digest digest;
    int fd = -1;

    digest_of(bytes, SIZE, &digest);
    assert_null(store_temporary(store, &path, &fd));
    assert_int_equal(write(fd, bytes, SIZE), SIZE);
    close(fd);
    assert_null(store_publish(store, STORE_BLOB, digest.hex, path, NULL));
    store_free(store);
    return digest;
}

static int make_output(void)
{
    return open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
}

/* Whether TO has BEFORE bytes and then the LENGTH bytes at BYTES. */
static void expect_bytes(int to, size_t before, const char *bytes, size_t length)
{
    CLEANUP(freep) char *found = xcalloc(length, 1);

    assert_int_equal(lseek(to, 0, SEEK_CUR), before + length);
    assert_int_equal(lseek(to, 0, SEEK_END), before + length);
    assert_int_equal(pread(to, found, length, (off_t)before), length);
    assert_memory_equal(found, bytes, length);
}

/* A copy within store_run. */
struct copying {
    struct store *store;
    const char *key;
    size_t before; /* bytes that the output has */
    int to;
    bool is_late; /* the copy must have left the check to the thread */
    struct error *err;
};

static struct error *copy_late(void *context)
{
    struct copying *copying = context;
    CLEANUP(freep) char *path = store_find_unchecked(copying->store, STORE_BLOB, copying->key);
    struct file_copier copier = store_copier(copying->store);

    assert_non_null(path);
    assert_int_equal(ftruncate(copying->to, (off_t)copying->before), 0);
    assert_true(lseek(copying->to, (off_t)copying->before, SEEK_SET) >= 0);
    copying->err = copier.copy(copier.context, path, SIZE, copying->to, "the output");
    struct error *err = store_settle(copying->store);

    if (copying->is_late)
        assert_true(store_is_checked(copying->store, path));
    if (err == NULL && copying->err != NULL)
        err = error_new(EXIT_OTHER, "copy");
    return err;
}

static void test_copy_is_the_same(void **state)
{
    static const size_t before[] = {0, 1, 512, 4096};
    struct digest blob = publish_bytes();
    CLEANUP(freep) char *bytes = make_bytes();

    (void)state;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        struct store *store = open_store();
        struct copying copying = {
            .store = store, .key = blob.hex, .before = before[i], .to = make_output()};
        struct stat status;

        assert_null(store_run(store, true, copy_late, &copying));
        assert_null(copying.err);
        expect_bytes(copying.to, before[i], bytes, SIZE);
        assert_int_equal(fstat(copying.to, &status), 0);
        assert_true((uint64_t)status.st_blocks * 512 < SIZE - HOLE_SIZE / 2);
        close(copying.to);
        store_free(store);
    }
}

/* Copies the blob KEY after CHANGE, within store_run, whose error it returns. */
static struct error *copy_changed(const char *key, void (*change)(const char *path), bool is_late)
{
    CLEANUP(freep) char *path = xasprintf("%s/blobs/sha256/%s", folder, key);
    struct store *store = open_store();
    struct copying copying = {
        .store = store, .key = key, .before = 7, .to = make_output(), .is_late = is_late};

    change(path);
    struct error *err = store_run(store, true, copy_late, &copying);

    error_free(copying.err);
    close(copying.to);
    store_free(store);
    return err;
}

static void test_damaged_entry_is_dropped(void **state)
{
    struct digest blob = publish_bytes();
    CLEANUP(freep) char *path = xasprintf("%s/blobs/sha256/%s", folder, blob.hex);
    CLEANUP(error_freep) struct error *err = copy_changed(blob.hex, rot, false);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_AGAIN);
    assert_int_equal(access(path, F_OK), -1);
}

static void remove_facts(const char *path)
{
    CLEANUP(freep) char *command = xasprintf("rm '%s'/facts/*", folder);

    (void)path;
    assert_int_equal(system(command), 0);
}

static void remove_facts_and_rot(const char *path)
{
    remove_facts(path);
    rot(path);
}

static void test_entry_without_facts_is_hashed(void **state)
{
    struct digest blob = publish_bytes();

    (void)state;
    assert_null(copy_changed(blob.hex, remove_facts, true));
    publish_bytes();
    CLEANUP(error_freep)
    struct error *err = copy_changed(blob.hex, remove_facts_and_rot, false);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_AGAIN);
}

/* The writer's error stops the reader. */
static void test_full_output(void **state)
{
    struct digest blob = publish_bytes();
    struct store *store = open_store();
    CLEANUP(freep) char *path = store_find_for_reader(store, STORE_BLOB, blob.hex);
    CLEANUP(closep) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct file_copier copier = store_copier(store);
    CLEANUP(error_freep)
    struct error *err = copier.copy(copier.context, path, SIZE, full, "the output");

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_DISK_FULL);
    assert_non_null(strstr(err->message, "write 'the output'"));
    store_free(store);
}

static void test_entry_of_another_size(void **state)
{
    struct digest blob = publish_bytes();
    struct store *store = open_store();
    CLEANUP(freep) char *path = store_find_for_reader(store, STORE_BLOB, blob.hex);
    CLEANUP(closep) int to = make_output();
    struct file_copier copier = store_copier(store);

    (void)state;
    assert_int_equal(write(to, "x", 1), 1);
    CLEANUP(error_freep)
    struct error *err = copier.copy(copier.context, path, SIZE - 1, to, "the output");

    assert_non_null(err);
    assert_non_null(strstr(err->message, "its size has changed"));
    store_free(store);
}

/* An image's files may lie elsewhere. */
static void test_file_that_is_no_entry(void **state)
{
    struct store *store = open_store();
    CLEANUP(freep) char *path = xasprintf("%s/elsewhere", folder);
    CLEANUP(closep) int from = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CLEANUP(closep) int to = make_output();
    struct file_copier copier = store_copier(store);

    (void)state;
    assert_int_equal(write(from, "some bytes", 10), 10);
    assert_null(copier.copy(copier.context, path, 10, to, "the output"));
    expect_bytes(to, 0, "some bytes", 10);
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_is_the_same),
        cmocka_unit_test(test_damaged_entry_is_dropped),
        cmocka_unit_test(test_entry_without_facts_is_hashed),
        cmocka_unit_test(test_full_output),
        cmocka_unit_test(test_entry_of_another_size),
        cmocka_unit_test(test_file_that_is_no_entry),
    };

    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
