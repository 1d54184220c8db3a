#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/buffer.h"
#include "host/tar/sparse_map.h"

static struct error *append(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return NULL;
}

/* A map's text filled up to a block, and DATA behind it. */
static struct buffer stored(const char *text, const char *data)
{
    struct buffer bytes = {0};

    buffer_append(&bytes, text, strlen(text));
    while (bytes.length % 512 != 0)
        buffer_append(&bytes, "", 1);
    buffer_append(&bytes, data, strlen(data));
    return bytes;
}

/* Feeds BYTES in pieces of STEP and appends the file to OUT. */
static struct error *expand(const struct buffer *bytes, uint64_t real_size, size_t step,
                            struct buffer *out)
{
    struct sparse_map *map = sparse_map_new(real_size, bytes->length, (struct sink){append, out});
    struct error *err = NULL;

    for (size_t at = 0; err == NULL && at < bytes->length; at += step) {
        size_t left = bytes->length - at;

        err = sparse_map_write(map, bytes->data + at, left < step ? left : step);
    }
    if (err == NULL)
        err = sparse_map_finish(map);
    sparse_map_free(map);
    return err;
}

static void test_holes_become_zeros(void **state)
{
    (void)state;
    for (size_t step = 1; step < 700; step += 99) {
        struct buffer bytes = stored("3\n2\n3\n8\n1\n10\n0\n", "abcd");
        struct buffer out = {0};

        assert_null(expand(&bytes, 10, step, &out));
        assert_int_equal(out.length, 10);
        assert_memory_equal(out.data, "\0\0abc\0\0\0d\0", 10);
        buffer_free(&out);
        buffer_free(&bytes);
    }
}

static void test_all_hole(void **state)
{
    struct buffer bytes = stored("0\n", "");
    struct buffer out = {0};

    (void)state;
    assert_null(expand(&bytes, 100000, 512, &out));
    assert_int_equal(out.length, 100000);
    buffer_free(&out);
    buffer_free(&bytes);
}

static void expect_refused(const char *text, const char *data, uint64_t real_size)
{
    struct buffer bytes = stored(text, data);
    struct buffer out = {0};
    struct error *err = expand(&bytes, real_size, 512, &out);

    if (err == NULL) {
        fail_msg("accepted: %s", text);
        return;
    }
    assert_int_equal(err->code, EXIT_INPUT);
    error_free(err);
    buffer_free(&out);
    buffer_free(&bytes);
}

static void test_refused(void **state)
{
    (void)state;
    expect_refused("", "", 0);
    expect_refused("x\n", "", 1);
    expect_refused("\n", "", 1);
    expect_refused("1\n", "", 1);
    expect_refused("1\n0\n2\n", "a", 5);
    expect_refused("1\n0\n1\n", "ab", 5);
    expect_refused("1\n5\n1\n", "a", 5);
    expect_refused("2\n0\n2\n1\n1\n", "abc", 5);
    expect_refused("1\n18446744073709551615\n2\n", "ab", 5);
    expect_refused("99999999999999999999\n", "", 5);
    expect_refused("2000000\n", "", 5);
}

/* A map that is known beforehand. */
static void test_given_regions(void **state)
{
    struct buffer out = {0};
    struct sparse_map *map = sparse_map_new(10, 4, (struct sink){append, &out});

    (void)state;
    assert_null(sparse_map_add(map, 2, 3));
    assert_null(sparse_map_add(map, 8, 1));
    assert_null(sparse_map_add(map, 10, 0));
    assert_null(sparse_map_begin(map));
    assert_null(sparse_map_write(map, "abcd", 4));
    assert_null(sparse_map_finish(map));
    assert_int_equal(out.length, 10);
    assert_memory_equal(out.data, "\0\0abc\0\0\0d\0", 10);
    sparse_map_free(map);
    buffer_free(&out);
    map = sparse_map_new(10, 4, (struct sink){0});
    assert_null(sparse_map_add(map, 8, 4));
    struct error *err = sparse_map_begin(map);

    assert_non_null(err);
    error_free(err);
    err = sparse_map_add(map, -1, 1);
    assert_non_null(err);
    error_free(err);
    sparse_map_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holes_become_zeros),
        cmocka_unit_test(test_all_hole),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_given_regions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
