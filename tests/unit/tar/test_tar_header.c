/* Header blocks as Go's archive/tar reads them, which is what Docker reads layers with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/tar/tar_header.h"
#include "tests/unit/tar_blocks.h"

#define AT_UID 108
#define AT_SIZE 124
#define AT_MTIME 136
#define AT_TYPE 156
#define AT_MAGIC 257
#define AT_STAR_PREFIX 345
#define AT_STAR_MARK 508

struct header {
    struct buffer block;
    struct tar_extensions extensions;
    struct tar_strings strings;
    struct tar_entry entry;
};

static void header_free(struct header *header)
{
    buffer_free(&header->block);
    tar_extensions_free(&header->extensions);
    tar_strings_free(&header->strings);
}

static struct header make(struct tar_block entry)
{
    struct header header = {0};

    tar_blocks_header(&header.block, entry);
    return header;
}

/* Puts BYTES, the last of a field of SIZE bytes at AT, which begins with FIRST, and is otherwise
 * filled with FILL. */
static void put(struct header *header, size_t at, size_t size, unsigned char first,
                unsigned char fill, const char *bytes, size_t length)
{
    memset(header->block.data + at, fill, size);
    memcpy(header->block.data + at + size - length, bytes, length);
    header->block.data[at] = (char)first;
    tar_blocks_sum(header->block.data);
}

static struct error *read_header(struct header *header)
{
    return tar_header_read((const unsigned char *)header->block.data, &header->extensions,
                           &header->strings, &header->entry);
}

static void expect_refusal(struct header *header, const char *message)
{
    CLEANUP(error_freep) struct error *err = read_header(header);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_string_equal(err->message, message);
}

/* Base-256, as GNU tar writes what octal digits cannot hold. */
static void test_binary_numbers(void **state)
{
    CLEANUP(header_free) struct header header = make((struct tar_block){.name = "f"});

    (void)state;
    put(&header, AT_UID, 8, 0x80, 0, "\xff\xff\xff\xfe", 4);
    put(&header, AT_SIZE, 12, 0x80, 0, "\x12\x34\x56\x78\x9a\xbc\xde", 7);
    put(&header, AT_MTIME, 12, 0xff, 0xff, "\xfe", 1);
    assert_null(read_header(&header));
    assert_int_equal(header.entry.uid, 4294967294);
    assert_int_equal(header.entry.size, 0x123456789abcde);
    assert_int_equal(header.entry.mtime, -2);
    /* The largest and the smallest that 64 bits hold. */
    put(&header, AT_MTIME, 12, 0x80, 0, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8);
    assert_null(read_header(&header));
    assert_int_equal(header.entry.mtime, INT64_MAX);
    put(&header, AT_MTIME, 12, 0xff, 0xff, "\x80\0\0\0\0\0\0\0", 8);
    assert_null(read_header(&header));
    assert_int_equal(header.entry.mtime, INT64_MIN);
}

static void test_binary_numbers_that_are_too_large(void **state)
{
    CLEANUP(header_free) struct header header = make((struct tar_block){.name = "f"});

    (void)state;
    put(&header, AT_MTIME, 12, 0x80, 0, "\x80\0\0\0\0\0\0\0", 8);
    expect_refusal(&header, "the header's mtime is not a number");
    put(&header, AT_MTIME, 12, 0x80, 0, "\1\0\0\0\0\0\0\0\0", 9);
    expect_refusal(&header, "the header's mtime is not a number");
    put(&header, AT_MTIME, 12, 0xff, 0xff, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8);
    expect_refusal(&header, "the header's mtime is not a number");
    put(&header, AT_MTIME, 12, 0x80, 0, "", 0);
    put(&header, AT_SIZE, 12, 0xff, 0xff, "", 0);
    expect_refusal(&header, "the header's size is negative");
}

static void test_numbers_that_are_none(void **state)
{
    CLEANUP(header_free) struct header header = make((struct tar_block){.name = "f"});

    (void)state;
    put(&header, AT_MTIME, 12, '0', ' ', "12 8 ", 5);
    expect_refusal(&header, "the header's mtime is not a number");
    put(&header, AT_MTIME, 12, '-', '0', "7", 1);
    expect_refusal(&header, "the header's mtime is not a number");
    /* NULs and spaces around the digits are no part of it, and what is blank is zero. */
    put(&header, AT_MTIME, 12, '\0', ' ', "17 \0", 4);
    put(&header, AT_UID, 8, ' ', '\0', "", 0);
    assert_null(read_header(&header));
    assert_int_equal(header.entry.mtime, 15);
    assert_int_equal(header.entry.uid, 0);
    header.block.data[AT_UID] ^= 1;
    expect_refusal(&header, "the header's checksum does not match");
}

/* V7 knows directories by their names alone. */
static void test_v7(void **state)
{
    CLEANUP(header_free) struct header header = make((struct tar_block){.name = "d/"});

    (void)state;
    put(&header, AT_MAGIC, 255, 0, 0, "", 0);
    put(&header, AT_TYPE, 1, 0, 0, "", 0);
    assert_null(read_header(&header));
    assert_int_equal(header.entry.type, '5');
    assert_string_equal(header.entry.user, "");
    header.block.data[1] = '\0';
    tar_blocks_sum(header.block.data);
    assert_null(read_header(&header));
    assert_int_equal(header.entry.type, '0');
    assert_string_equal(header.entry.name, "d");
}

/* star's prefix ends where its two times begin. */
static void test_star(void **state)
{
    CLEANUP(header_free) struct header header = make((struct tar_block){.name = "name"});

    (void)state;
    put(&header, AT_STAR_MARK, 4, 't', 0, "tar\0", 4);
    put(&header, AT_STAR_PREFIX, 131, 'p', 'p', "", 0);
    assert_null(read_header(&header));
    assert_int_equal(strlen(header.entry.name), 131 + strlen("/name"));
    assert_non_null(strstr(header.entry.name, "pp/name"));
}

/* Go makes an entry of a global header, which has the header's name and the records, but is told
 * none of the rest. */
static void test_global(void **state)
{
    static const char records[] = "18 comment=a word\n29 SCHILY.xattr.user.b=value\n";
    CLEANUP(header_free)
    struct header header = make((struct tar_block){
        .name = "pax_global_header", .mode = 0644, .uid = 7, .size = strlen(records), .type = 'g'});

    (void)state;
    buffer_append(&header.extensions.pax, records, strlen(records));
    assert_null(tar_header_read_global((const unsigned char *)header.block.data,
                                       &header.extensions.pax, &header.strings, &header.entry));
    assert_int_equal(header.entry.type, 'g');
    assert_string_equal(header.entry.name, "pax_global_header");
    assert_int_equal(header.entry.mtime, TAR_NO_TIME);
    assert_int_equal(header.entry.uid, 0);
    assert_int_equal(header.entry.size, 0);
    assert_int_equal(header.entry.xattr_count, 1);
    assert_string_equal(header.entry.xattrs[0].name, "user.b");
    header.block.data[0] = 'P';
    CLEANUP(error_freep)
    struct error *err =
        tar_header_read_global((const unsigned char *)header.block.data, &header.extensions.pax,
                               &header.strings, &header.entry);

    assert_non_null(err);
    assert_string_equal(err->message, "the header's checksum does not match");
}

static void test_xattrs(void **state)
{
    static const char records[] = "25 SCHILY.xattr.user.c=1\n25 SCHILY.xattr.user.a=2\n"
                                  "25 SCHILY.xattr.user.b=3\n25 SCHILY.xattr.user.a=4\n"
                                  "25 SCHILY.xattr.user.c=5\n26 SCHILY.xattr.user.aa=6\n";
    static const char *const names[] = {"user.a", "user.aa", "user.b", "user.c"};
    static const char *const values[] = {"4", "6", "3", "5"};
    CLEANUP(header_free) struct header header = make((struct tar_block){.name = "f"});

    (void)state;
    buffer_append(&header.extensions.pax, records, strlen(records));
    assert_null(read_header(&header));
    assert_int_equal(header.entry.xattr_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(header.entry.xattrs[i].name, names[i]);
        assert_string_equal(header.entry.xattrs[i].value, values[i]);
    }
}

static struct error *ignore(void *context, const void *bytes, size_t length)
{
    (void)context, (void)bytes, (void)length;
    return NULL;
}

/* The lists of regions in PAX records. */
static void test_maps_that_are_no_lists(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } lists[] = {
        {"0", 1},    {"0,", 2},  {"0,x", 3},    {",0", 2},
        {"-1,1", 4}, {"0;1", 3}, {"0,1\0,", 5}, {"0,1000000000000000000", 21},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct tar_strings strings = {0};
        struct sparse_map *map = sparse_map_new(100, 100, (struct sink){ignore, NULL});

        buffer_append(&strings.sparse_map, lists[i].text, lists[i].length);
        CLEANUP(error_freep) struct error *err = tar_header_add_regions(&strings, map);

        assert_non_null(err);
        assert_string_equal(err->message, "the map of a sparse file is not a list of numbers");
        sparse_map_free(map);
        tar_strings_free(&strings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binary_numbers),
        cmocka_unit_test(test_binary_numbers_that_are_too_large),
        cmocka_unit_test(test_numbers_that_are_none),
        cmocka_unit_test(test_v7),
        cmocka_unit_test(test_star),
        cmocka_unit_test(test_global),
        cmocka_unit_test(test_xattrs),
        cmocka_unit_test(test_maps_that_are_no_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
