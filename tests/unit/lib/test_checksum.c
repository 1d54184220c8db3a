/* Checksums of files: what changes them, and what does not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/checksum.h"
#include "host/lib/cleanup.h"

#define BLOCK (64 << 10)
#define SIZE (40 * BLOCK + 1000)

static int make_file(void)
{
    int fd = open("/var/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    return fd;
}

static uint64_t sum_of(int fd)
{
    CLEANUP(buffer_free) struct buffer items = {0};

    assert_true(checksum_of_file(fd, NULL, &items));
    return checksum_of(items.data, items.length);
}

static void put(int fd, char byte, size_t length, off_t at)
{
    static char bytes[2 * BLOCK];

    memset(bytes, byte, length);
    assert_int_equal(pwrite(fd, bytes, length, at), length);
}

/* A file with data at its start, in its middle and at its end, and holes. */
static int make_sparse(void)
{
    int fd = make_file();

    put(fd, 'a', 5000, 0);
    put(fd, 'b', BLOCK + 77, 17 * BLOCK - 33);
    put(fd, 'c', 1000, SIZE - 1000);
    return fd;
}

static void test_each_byte_counts(void **state)
{
    static const off_t places[] = {0, 4999, 17 * BLOCK, 18 * BLOCK, SIZE - 1, 30 * BLOCK, 5000};
    CLEANUP(closep) int fd = make_sparse();
    uint64_t whole = sum_of(fd);

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char byte, flipped;

        assert_int_equal(pread(fd, &byte, 1, places[i]), 1);
        flipped = (char)(byte ^ 1);
        assert_int_equal(pwrite(fd, &flipped, 1, places[i]), 1);
        assert_true(sum_of(fd) != whole);
        assert_int_equal(pwrite(fd, &byte, 1, places[i]), 1);
        assert_true(sum_of(fd) == whole);
    }
}

static void test_places_count(void **state)
{
    CLEANUP(closep) int one = make_file(), other = make_file(), third = make_file();

    (void)state;
    put(one, 'x', BLOCK, 3 * BLOCK);
    put(one, 'y', BLOCK, 4 * BLOCK);
    put(other, 'y', BLOCK, 3 * BLOCK);
    put(other, 'x', BLOCK, 4 * BLOCK);
    put(third, 'x', BLOCK, 4 * BLOCK);
    put(third, 'y', BLOCK, 5 * BLOCK);
    assert_true(sum_of(one) != sum_of(other));
    assert_true(sum_of(one) != sum_of(third));
}

static void test_holes_are_zeros(void **state)
{
    CLEANUP(closep) int sparse = make_sparse(), full = make_file();
    static char bytes[SIZE];

    (void)state;
    assert_int_equal(pread(sparse, bytes, SIZE, 0), SIZE);
    assert_int_equal(pwrite(full, bytes, SIZE, 0), SIZE);
    assert_true(sum_of(full) == sum_of(sparse));
}

static void test_empty_file(void **state)
{
    CLEANUP(closep) int fd = make_file();

    (void)state;
    CLEANUP(buffer_free) struct buffer items = {0};

    assert_true(checksum_of_file(fd, NULL, &items));
    assert_int_equal(items.length, 0);
}

static void test_items(void **state)
{
    CLEANUP(closep) int fd = make_sparse();
    CLEANUP(buffer_free) struct buffer bytes = {0};
    static const uint64_t expected[] = {0, 16, 17, 18, 40};
    static char block[BLOCK];

    (void)state;
    assert_true(checksum_of_file(fd, NULL, &bytes));
    const struct checksum_item *items = (const void *)bytes.data;

    assert_int_equal(bytes.length, sizeof expected / sizeof *expected * sizeof *items);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        ssize_t length = pread(fd, block, BLOCK, (off_t)expected[i] * BLOCK);

        assert_int_equal(items[i].block, expected[i]);
        assert_true(items[i].sum == checksum_of(block, (size_t)length));
    }
}

static void test_can_be_stopped_and_can_fail(void **state)
{
    CLEANUP(closep) int fd = make_sparse(), unreadable = open("/var/tmp", O_RDONLY | O_CLOEXEC);
    const atomic_bool stopped = true;
    CLEANUP(buffer_free) struct buffer items = {0};

    (void)state;
    assert_false(checksum_of_file(fd, &stopped, &items));
    assert_false(checksum_of_file(-1, NULL, &items));
    assert_false(checksum_of_file(unreadable, NULL, &items));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_byte_counts),
        cmocka_unit_test(test_places_count),
        cmocka_unit_test(test_holes_are_zeros),
        cmocka_unit_test(test_empty_file),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_can_be_stopped_and_can_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
