/* Tarsums. A sum that is said to be Docker's is the one that the tests of its pkg/tarsum
 * expect for the same entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tar/tarsum.h"
#include "tests/unit/tar_blocks.h"

static char *sum_of(enum tarsum_version version, const struct buffer *tar, size_t piece)
{
    struct tarsum *sum = tarsum_new(version, 0);
    char *text = NULL;

    for (size_t at = 0; at < tar->length; at += piece) {
        size_t length = tar->length - at < piece ? tar->length - at : piece;

        assert_null(tarsum_update(sum, tar->data + at, length));
    }
    assert_null(tarsum_finish(sum, &text));
    return text;
}

static void check(enum tarsum_version version, const struct buffer *tar, const char *expected)
{
    static const size_t pieces[] = {1, 511, 512, 100000};

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        CLEANUP(freep) char *text = sum_of(version, tar, pieces[i]);

        assert_string_equal(text, expected);
    }
}

static void test_docker_empty_file(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0};

    (void)state;
    tar_blocks_header(&tar, (struct tar_block){.name = "file.txt"});
    tar_blocks_end(&tar);
    check(TARSUM_V0, &tar,
          "tarsum+sha256:626c4a2e9a467d65c33ae81f7f3dedd4de8ccaee72af73223c4bc4718cbc7bbd");
    check(TARSUM_DEV, &tar,
          "tarsum.dev+sha256:6ffd43a1573a9913325b4918e124ee982a99c0f3cba90fc032a65f5e20bdd465");
}

static void test_docker_owners(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0};

    (void)state;
    tar_blocks_header(&tar, (struct tar_block){.name = "another.txt",
                                               .uid = 1000,
                                               .gid = 1000,
                                               .user = "slartibartfast",
                                               .group = "users",
                                               .size = 4});
    tar_blocks_data(&tar, "test", 4);
    tar_blocks_end(&tar);
    check(TARSUM_DEV, &tar,
          "tarsum.dev+sha256:b38166c059e11fb77bef30bf16fba7584446e80fcc156ff46d47e36c5305d8ef");
}

static void make_xattrs(struct buffer *tar, const char *records)
{
    tar_blocks_extension(tar, 'x', records);
    tar_blocks_header(tar, (struct tar_block){.name = "xattrs.txt",
                                              .uid = 1000,
                                              .gid = 1000,
                                              .user = "slartibartfast",
                                              .group = "users",
                                              .size = 4});
    tar_blocks_data(tar, "test", 4);
    tar_blocks_end(tar);
}

static void test_docker_xattrs(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0}, upper = {0}, ignored = {0};

    (void)state;
    make_xattrs(&tar, "33 SCHILY.xattr.user.key2=value2\n33 SCHILY.xattr.user.key1=value1\n");
    check(TARSUM_DEV, &tar,
          "tarsum.dev+sha256:4cc2e71ac5d31833ab2be9b4f7842a14ce595ec96a37af4ed08f87bc374228cd");
    make_xattrs(&upper, "33 SCHILY.xattr.user.KEY1=value1\n33 SCHILY.xattr.user.key2=value2\n");
    check(TARSUM_DEV, &upper,
          "tarsum.dev+sha256:65f4284fa32c0d4112dd93c3637697805866415b570587e4fd266af241503760");
    make_xattrs(&ignored, "36 SCHILY.xattr.user.NOT=CALCULATED\n");
    check(TARSUM_V0, &ignored,
          "tarsum+sha256:c12bb6f1303a9ddbf4576c52da74973c00d14c109bcfa76b708d5da1154a07fa");
}

/* One megabyte of zeros called /testdata0. */
static void test_docker_megabyte(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0};
    CLEANUP(freep) char *zeros = xcalloc(1 << 20, 1);

    (void)state;
    tar_blocks_header(&tar,
                      (struct tar_block){.name = "/testdata0", .mode = 0755, .size = 1 << 20});
    tar_blocks_data(&tar, zeros, 1 << 20);
    tar_blocks_end(&tar);
    check(TARSUM_V0, &tar,
          "tarsum+sha256:75258b2c5dcd9adfe24ce71eeca5fc5019c7e669912f15703ede92b1a60cb11f");
}

/* The digest of nothing, as Docker has it for an archive without entries. */
static void test_empty(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0};

    (void)state;
    tar_blocks_end(&tar);
    check(TARSUM_V1, &tar,
          "tarsum.v1+sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void add_file(struct buffer *tar, const char *name, const char *text)
{
    tar_blocks_header(tar, (struct tar_block){.name = name, .size = strlen(text)});
    tar_blocks_data(tar, text, strlen(text));
}

static void test_order_does_not_count(void **state)
{
    CLEANUP(buffer_free) struct buffer one = {0}, other = {0};

    (void)state;
    add_file(&one, "a", "1");
    add_file(&one, "b", "2");
    add_file(&other, "b", "2");
    add_file(&other, "a", "1");
    CLEANUP(freep) char *left = sum_of(TARSUM_V1, &one, 512);
    CLEANUP(freep) char *right = sum_of(TARSUM_V1, &other, 512);

    assert_string_equal(left, right);
}

/* Whether the order of two entries with these names counts. */
static bool order_counts(const char *name, const char *other_name)
{
    CLEANUP(buffer_free) struct buffer one = {0}, other = {0};

    add_file(&one, name, "1");
    add_file(&one, other_name, "2");
    add_file(&other, other_name, "2");
    add_file(&other, name, "1");
    CLEANUP(freep) char *left = sum_of(TARSUM_V1, &one, 512);
    CLEANUP(freep) char *right = sum_of(TARSUM_V1, &other, 512);

    return strcmp(left, right) != 0;
}

static void test_order_of_namesakes_counts(void **state)
{
    (void)state;
    assert_true(order_counts("a", "./a"));
    assert_true(order_counts("a/b", "a//b/"));
    assert_true(order_counts("a", "b/.././a"));
    assert_true(order_counts("/a", "/../a"));
    assert_true(order_counts("../a", "b/../../a"));
    assert_false(order_counts("a", "/a"));
    assert_false(order_counts("a", "../a"));
    assert_false(order_counts("../a", "../../a"));
    assert_false(order_counts("a/b", "ab"));
}

static void test_mtime_counts_in_v0_only(void **state)
{
    CLEANUP(buffer_free) struct buffer one = {0}, other = {0};

    (void)state;
    tar_blocks_header(&one, (struct tar_block){.name = "a", .mtime = 1});
    tar_blocks_header(&other, (struct tar_block){.name = "a", .mtime = 2});
    for (int version = TARSUM_V0; version <= TARSUM_DEV; version++) {
        CLEANUP(freep) char *left = sum_of((enum tarsum_version)version, &one, 512);
        CLEANUP(freep) char *right = sum_of((enum tarsum_version)version, &other, 512);

        assert_int_equal(strcmp(left, right) != 0, version == TARSUM_V0);
    }
}

/* The same name, however long names are written. */
static void test_long_names(void **state)
{
    CLEANUP(buffer_free) struct buffer plain = {0}, pax = {0}, gnu = {0};

    (void)state;
    tar_blocks_header(&plain, (struct tar_block){.name = "folder/name"});
    tar_blocks_extension(&pax, 'x', "20 path=folder/name\n");
    tar_blocks_header(&pax, (struct tar_block){.name = "x"});
    tar_blocks_extension(&gnu, 'L', "folder/name");
    tar_blocks_header(&gnu, (struct tar_block){.name = "x"});
    CLEANUP(freep) char *expected = sum_of(TARSUM_V1, &plain, 512);

    check(TARSUM_V1, &pax, expected);
    check(TARSUM_V1, &gnu, expected);
}

/* A sparse file with the PAX RECORDS "KEY=VALUE\n". */
static void add_sparse(struct buffer *tar, const char *name, const char *records, const char *data)
{
    CLEANUP(buffer_free) struct buffer extension = {0};

    for (const char *record = records; *record != '\0';) {
        int length = (int)strcspn(record, "\n");
        int size = length + 4 + (length + 4 > 99 ? 1 : 0);

        buffer_printf(&extension, "%d %.*s\n", size, length, record);
        record += length + 1;
    }
    tar_blocks_extension(tar, 'x', extension.data);
    tar_blocks_header(tar, (struct tar_block){.name = name, .size = strlen(data)});
    tar_blocks_data(tar, data, strlen(data));
    tar_blocks_end(tar);
}

/* GNU's PAX formats 0.0 and 0.1 are the same file as one without holes. */
static void test_older_sparse_files(void **state)
{
    static const char whole[2000] = "ab";
    CLEANUP(buffer_free) struct buffer plain = {0}, old = {0}, older = {0}, hole = {0}, zeros = {0};

    (void)state;
    tar_blocks_header(&plain, (struct tar_block){.name = "f", .size = sizeof whole});
    tar_blocks_data(&plain, whole, sizeof whole);
    tar_blocks_end(&plain);
    CLEANUP(freep) char *expected = sum_of(TARSUM_V1, &plain, 512);

    add_sparse(&old, "GNUSparseFile.1/f",
               "GNU.sparse.size=2000\nGNU.sparse.numblocks=2\nGNU.sparse.name=f\n"
               "GNU.sparse.map=0,2,2000,0\n",
               "ab");
    check(TARSUM_V1, &old, expected);
    add_sparse(&older, "f",
               "GNU.sparse.size=2000\nGNU.sparse.numblocks=2\nGNU.sparse.offset=0\n"
               "GNU.sparse.numbytes=2\nGNU.sparse.offset=2000\nGNU.sparse.numbytes=0\n",
               "ab");
    check(TARSUM_V1, &older, expected);
    tar_blocks_header(&zeros, (struct tar_block){.name = "f", .size = 700});
    tar_blocks_data(&zeros, whole + 700, 700);
    tar_blocks_end(&zeros);
    CLEANUP(freep) char *empty = sum_of(TARSUM_V1, &zeros, 512);

    add_sparse(&hole, "f", "GNU.sparse.size=700\nGNU.sparse.map=700,0\n", "");
    check(TARSUM_V1, &hole, empty);
}

static void test_wrong_maps(void **state)
{
    static const char *const maps[] = {"0,1",      "0,2,1", "0,2,x,1", "0,2,,", "2,2,0,0",
                                       "0,2,-1,0", "0,9",   "1999,2",  ",",     "0 ,2"};

    (void)state;
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        CLEANUP(buffer_free) struct buffer tar = {0};
        CLEANUP(freep)
        char *records = xasprintf("GNU.sparse.size=2000\nGNU.sparse.map=%s\n", maps[i]);
        CLEANUP(tarsum_freep) struct tarsum *sum = tarsum_new(TARSUM_V1, 0);

        add_sparse(&tar, "f", records, "ab");
        struct error *err = tarsum_update(sum, tar.data, tar.length);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_INPUT);
        error_free(err);
    }
}

static void test_cut_off(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0};
    struct tarsum *sum = tarsum_new(TARSUM_V1, 0);
    char *text = NULL;

    (void)state;
    add_file(&tar, "a", "1");
    assert_null(tarsum_update(sum, tar.data, 700));
    struct error *err = tarsum_finish(sum, &text);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_string_equal(err->message, "at byte 700: the archive is truncated");
    error_free(err);
}

static void test_no_tar(void **state)
{
    CLEANUP(tarsum_freep) struct tarsum *sum = tarsum_new(TARSUM_V1, 0);
    char text[512];

    (void)state;
    memset(text, '7', sizeof text);
    struct error *err = tarsum_update(sum, text, sizeof text);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_string_equal(err->message, "at byte 512: the header's checksum does not match");
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_docker_empty_file),
        cmocka_unit_test(test_docker_owners),
        cmocka_unit_test(test_docker_xattrs),
        cmocka_unit_test(test_docker_megabyte),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_order_does_not_count),
        cmocka_unit_test(test_order_of_namesakes_counts),
        cmocka_unit_test(test_mtime_counts_in_v0_only),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_older_sparse_files),
        cmocka_unit_test(test_wrong_maps),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_no_tar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
