/* The new layer as it streams in: what is kept of it, and what is refused. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/image/layer_writer.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "tests/unit/folder.h"
#include "tests/unit/tar_blocks.h"

static const struct layer_form_wanted everything = {.tar = true,
                                                    .blob = true,
                                                    .blob_digest = true,
                                                    .compression = COMPRESSION_GZIP,
                                                    .tarsum = true};

static struct error *write_all(const struct buffer *tar, size_t piece, struct layer *ret)
{
    struct layer_writer *writer = NULL;

    assert_null(layer_writer_new(folder, "layer", everything, &writer));
    for (size_t at = 0; at < tar->length; at += piece) {
        size_t length = tar->length - at < piece ? tar->length - at : piece;
        struct error *err = layer_writer_write(writer, tar->data + at, length);

        if (err != NULL) {
            layer_writer_free(writer);
            return err;
        }
    }
    return layer_writer_finish(writer, ret);
}

static void forget(struct layer *layer)
{
    temporary_remove(layer->tar_path);
    temporary_remove(layer->blob.path);
    layer_free(layer);
}

static void check_file(const char *path, const struct digest *digest, uint64_t size)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};
    struct digest found;

    assert_null(file_read(path, "layer", 64 << 20, EXIT_OTHER, &bytes));
    assert_int_equal(bytes.length, size);
    digest_of(bytes.data, bytes.length, &found);
    assert_string_equal(found.hex, digest->hex);
}

static void test_kept_forms(void **state)
{
    static const size_t pieces[] = {100, 512, 65536, 8 << 20};
    CLEANUP(buffer_free) struct buffer tar = {0};
    CLEANUP(freep) char *data = xcalloc(6 << 20, 1);
    struct digest expected;

    (void)state;
    tar_blocks_header(&tar, (struct tar_block){.name = "dir/", .mode = 0755, .type = '5'});
    tar_blocks_header(&tar, (struct tar_block){.name = "dir/f", .mode = 04755, .size = 6 << 20});
    tar_blocks_data(&tar, data, 6 << 20);
    tar_blocks_header(&tar, (struct tar_block){.name = "dir/g", .link = "dir/f", .type = '1'});
    tar_blocks_header(&tar, (struct tar_block){.name = "l", .link = "../../x", .type = '2'});
    tar_blocks_header(&tar, (struct tar_block){.name = "..d", .major = 1, .minor = 3, .type = '3'});
    tar_blocks_end(&tar);
    digest_of(tar.data, tar.length, &expected);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct layer layer = {0};

        assert_null(write_all(&tar, pieces[i], &layer));
        assert_string_equal(layer.diff_id.hex, expected.hex);
        assert_int_equal(layer.size, tar.length);
        check_file(layer.tar_path, &expected, tar.length);
        check_file(layer.blob.path, &layer.blob.digest, layer.blob.size);
        assert_true(layer.blob.size < tar.length / 100);
        assert_int_equal(layer.blob.compression, COMPRESSION_GZIP);
        assert_non_null(strstr(layer.tarsum, "tarsum.v1+sha256:"));
        forget(&layer);
    }
}

/* A hole that is only counted gives the same layer as its zeros, and a smaller file. */
static void test_holes(void **state)
{
    static const uint64_t holes[] = {1, 511, 512, 512 << 10, (40 << 20) + 7};
    CLEANUP(freep) char *zeros = xcalloc((40 << 20) + 8, 1);

    (void)state;
    for (size_t i = 0; i < sizeof holes / sizeof *holes; i++) {
        CLEANUP(buffer_free) struct buffer tar = {0}, end = {0};
        struct layer_writer *writer = NULL;
        struct layer plain = {0}, sparse = {0};
        struct stat status;

        tar_blocks_header(&tar, (struct tar_block){.name = "f", .size = holes[i] + 1});
        tar_blocks_data(&tar, zeros, holes[i] + 1);
        tar.data[512] = 'x';
        tar_blocks_header(&end, (struct tar_block){.name = "after"});
        tar_blocks_end(&end);
        assert_null(layer_writer_new(folder, "layer", everything, &writer));
        assert_null(layer_writer_write(writer, tar.data, 513));
        assert_null(layer_writer_skip(writer, holes[i]));
        assert_null(layer_writer_write(writer, tar.data + 513, -(513 + holes[i]) % 512));
        assert_null(layer_writer_write(writer, end.data, end.length));
        assert_null(layer_writer_finish(writer, &sparse));
        buffer_append(&tar, end.data, end.length);
        assert_null(write_all(&tar, 65536, &plain));
        assert_string_equal(sparse.diff_id.hex, plain.diff_id.hex);
        assert_string_equal(sparse.blob.digest.hex, plain.blob.digest.hex);
        assert_string_equal(sparse.tarsum, plain.tarsum);
        assert_int_equal(sparse.size, tar.length);
        check_file(sparse.tar_path, &plain.diff_id, tar.length);
        assert_int_equal(stat(sparse.tar_path, &status), 0);
        assert_true(holes[i] < 10 << 20 || status.st_blocks * 512 < 4 << 20);
        forget(&plain);
        forget(&sparse);
    }
}

/* Zeros where there is no data are what they are: the end, or a lack of it. */
static void test_holes_elsewhere(void **state)
{
    struct layer_writer *writer = NULL;
    struct layer layer = {0};

    (void)state;
    assert_null(layer_writer_new(folder, "layer", everything, &writer));
    assert_null(layer_writer_skip(writer, 10240));
    assert_null(layer_writer_finish(writer, &layer));
    assert_int_equal(layer.size, 10240);
    check_file(layer.tar_path, &layer.diff_id, 10240);
    forget(&layer);
    assert_null(layer_writer_new(folder, "layer", everything, &writer));
    struct error *err = layer_writer_skip(writer, UINT64_MAX);

    assert_int_equal(err->code, EXIT_VM);
    assert_non_null(strstr(err->message, "larger than"));
    error_free(err);
    layer_writer_free(writer);
}

static void test_nothing_kept(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0};
    struct layer_writer *writer = NULL;
    struct layer layer = {0};

    (void)state;
    tar_blocks_end(&tar);
    assert_null(layer_writer_new(folder, "layer", (struct layer_form_wanted){0}, &writer));
    assert_null(layer_writer_write(writer, tar.data, tar.length));
    assert_null(layer_writer_finish(writer, &layer));
    assert_null(layer.tar_path);
    assert_null(layer.blob.path);
    assert_null(layer.tarsum);
    /* sha256 of 1024 zeros */
    assert_string_equal(layer.diff_id.hex,
                        "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
    layer_free(&layer);
}

static void refuse(const struct buffer *tar, const char *cause)
{
    struct layer layer = {0};
    CLEANUP(freep)
    char *expected = xasprintf("receive the layer: the guest sent an invalid layer: %s", cause);
    struct error *err = write_all(tar, 65536, &layer);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_string_equal(err->message, expected);
    error_free(err);
}

static void refuse_entry(struct tar_block entry, const char *cause)
{
    CLEANUP(buffer_free) struct buffer tar = {0};

    tar_blocks_header(&tar, entry);
    tar_blocks_end(&tar);
    refuse(&tar, cause);
}

static void test_refused_entries(void **state)
{
    (void)state;
    refuse_entry((struct tar_block){.name = "/etc/passwd"},
                 "the path '/etc/passwd' is not allowed: it is absolute");
    refuse_entry((struct tar_block){.name = "a/../../b"},
                 "the path 'a/../../b' is not allowed: it contains '..'");
    refuse_entry((struct tar_block){.name = ".."},
                 "the path '..' is not allowed: it contains '..'");
    refuse_entry((struct tar_block){.name = ""}, "the path '' is not allowed: it is empty");
    refuse_entry((struct tar_block){.name = "a", .link = "/b", .type = '1'},
                 "the target of hard link 'a' is not allowed: it is absolute");
    refuse_entry((struct tar_block){.name = "a", .type = 'V'}, "'a' has the unknown type 0x56");
    refuse_entry((struct tar_block){.name = "a", .type = '5', .size = 512},
                 "'a' has a size but is not a regular file");
    refuse_entry((struct tar_block){.name = "a", .mode = 0100644},
                 "'a' has an owner, mode or device out of range");
    refuse_entry((struct tar_block){.name = "a", .type = 'S'}, "'a' has the unknown type 0x53");
}

#define SPARSE                                                                                     \
    "22 GNU.sparse.major=1\n21 GNU.sparse.name=f\n28 GNU.sparse.realsize=1000\n13 size=1024\n"

static void test_refused_extensions(void **state)
{
    static const struct {
        const char *records, *cause;
    } cases[] = {
        {"9 path=/\n", "the path '/' is not allowed: it is absolute"},
        {"13 path=a/..\n", "the path 'a/..' is not allowed: it contains '..'"},
        {"99 path=a\n", "at byte 1536: the PAX header has a malformed record"},
        {"10 path=a", "at byte 1536: the PAX header has a malformed record"},
        {"7 path\n", "at byte 1536: the PAX header has a record without a key"},
        {"12 uid=1000x\n", "at byte 1536: the PAX header has a malformed record"},
        {"13 uid=1000x\n", "at byte 1536: the PAX header's uid is not a number"},
        {"18 uid=4294967296\n", "'a' has an owner, mode or device out of range"},
        {"11 size=-1\n", "at byte 1536: the header's size is negative"},
        {"28 size=9999999999999999999\n", "at byte 1536: the PAX header's size is not a number"},
        {"22 GNU.sparse.major=1\n", "at byte 1536: a sparse file has no size or name"},
        {SPARSE "22 GNU.sparse.minor=0\n", "'f' is stored as a sparse file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(buffer_free) struct buffer tar = {0};

        tar_blocks_extension(&tar, 'x', cases[i].records);
        tar_blocks_header(&tar, (struct tar_block){.name = "a"});
        tar_blocks_end(&tar);
        refuse(&tar, cases[i].cause);
    }
}

static void test_refused_streams(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0};

    (void)state;
    refuse(&tar, "at byte 0: the archive is truncated");
    tar_blocks_header(&tar, (struct tar_block){.name = "a", .size = 1});
    refuse(&tar, "at byte 512: the archive is truncated");
    tar_blocks_data(&tar, "x", 1);
    refuse(&tar, "at byte 1024: the archive is truncated");
    tar_blocks_end(&tar);
    buffer_append(&tar, "x", 1);
    refuse(&tar, "at byte 2049: data after the end of the archive");
    tar.data[512 + 1024] = 'x'; /* the first block of zeros */
    tar.length = 2048;
    tar.data[0] = 'b';
    refuse(&tar, "at byte 512: the header's checksum does not match");
}

/* Extended headers that have no entry, before the end or before nothing. */
static void test_extension_for_nothing(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0};

    (void)state;
    tar_blocks_extension(&tar, 'x', "10 path=x\n");
    refuse(&tar, "at byte 1024: the archive is truncated");
    tar_blocks_end(&tar);
    refuse(&tar, "at byte 1536: an extended header without an entry");
}

static void test_huge_extension(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0};

    (void)state;
    tar_blocks_header(&tar, (struct tar_block){.name = "a", .type = 'x', .size = 5 << 20});
    refuse(&tar, "at byte 512: an extended header is larger than 4194304 bytes");
}

/* Returns the error for the COUNT entries as a guest's layer, from a disk of SIZE bytes. */
static struct error *write_as_guest(const struct tar_block *entries, size_t count, uint64_t size)
{
    CLEANUP(buffer_free) struct buffer tar = {0};
    CLEANUP(layer_writer_freep) struct layer_writer *writer = NULL;
    CLEANUP(freep) char *data = xcalloc(1 << 20, 1);

    for (size_t i = 0; i < count; i++) {
        tar_blocks_header(&tar, entries[i]);
        tar_blocks_data(&tar, data, entries[i].size);
    }
    tar_blocks_end(&tar);
    assert_null(layer_writer_new(folder, "layer", (struct layer_form_wanted){0}, &writer));
    layer_writer_expect_guest(writer, size);
    struct layer layer = {0};

    TRY(layer_writer_write(writer, tar.data, tar.length));
    TRY(layer_writer_finish(STEAL(writer), &layer));
    layer_free(&layer);
    return NULL;
}

#define D(path) ((struct tar_block){.name = (path), .type = '5'})
#define F(path) ((struct tar_block){.name = (path)})
#define S(path) ((struct tar_block){.name = (path), .link = "/x", .type = '2'})
#define L(path, target) ((struct tar_block){.name = (path), .link = (target), .type = '1'})
#define ENTRIES(...)                                                                               \
    {__VA_ARGS__}, sizeof((struct tar_block[]){__VA_ARGS__}) / sizeof(struct tar_block)

/* What the guest's packer writes. */
static void test_a_guests_order(void **state)
{
    static const struct {
        struct tar_block entries[8];
        size_t count;
    } cases[] = {
        {ENTRIES(D("./"), F("!"), D("a/"), F("a/b"), F("a/b-"), D("a/b0/"), F("a/b0/.wh..wh..opq"),
                 F("b"))},
        {ENTRIES(F("a-"), D("a/"), D("a/b/"), D("a/b/c/"), F("a/d"), F("a0"))},
        {ENTRIES(F("a"), D("b/"), L("b/c", "a"), L("b/d", "a"), S("c"), L("d", "c"))},
        {ENTRIES(D("a"), F("a/\xff"), F("\xff"))},
        {ENTRIES(F(".wh...x"), F(".wh.a"), D("a/"), F("a/.wh..wh..opq"), F("a/.wh..x"))},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_null(write_as_guest(cases[i].entries, cases[i].count, 1 << 20));
}

static void test_a_guests_lies(void **state)
{
    static const struct {
        const char *cause;
        struct tar_block entries[4];
        size_t count;
    } cases[] = {
        {"'a' is there twice", ENTRIES(F("a"), F("a"))},
        {"'a/' is there twice", ENTRIES(D("a/"), D("a/"))},
        {"'a' is there twice, or out of order", ENTRIES(D("a/"), F("a"))},
        {"'a' is there twice, or out of order", ENTRIES(F("a"), F("b"), F("a"))},
        {"'a/b' is there twice, or out of order", ENTRIES(D("a/"), F("a/b"), F("c"), F("a/b"))},
        {"'./' has empty parts", ENTRIES(F("!"), D("./"))},
        {"'./' has empty parts", ENTRIES(D("./"), D("./"))},
        {"'./a' has empty parts", ENTRIES(F("./a"))},
        {"'a//b' has empty parts", ENTRIES(D("a/"), F("a//b"))},
        {"'a/./b' has empty parts", ENTRIES(D("a/"), F("a/./b"))},
        {"'a//' has empty parts", ENTRIES(D("a//"))},
        {"'a/' is not a directory, but is named like one", ENTRIES(F("a/"))},
        {"'l/x' is not in a directory of the layer", ENTRIES(S("l"), F("l/x"))},
        {"'f/x' is not in a directory of the layer", ENTRIES(F("f"), F("f/x"))},
        {"'d/x' is not in a directory of the layer", ENTRIES(F("d/x"))},
        {"'d/e/x' is not in a directory of the layer", ENTRIES(D("d/"), F("d/e/x"))},
        {"the hard link 'a' leads to 'etc/shadow', which is not a file before it",
         ENTRIES(L("a", "etc/shadow"))},
        {"the hard link 'a' leads to 'b', which is not a file before it",
         ENTRIES(L("a", "b"), F("b"))},
        {"the hard link 'b' leads to 'a', which is not a file before it",
         ENTRIES(D("a/"), L("b", "a"))},
        {"the hard link 'b' leads to 'b', which is not a file before it", ENTRIES(L("b", "b"))},
        {"'a/' is there twice, also as a file", ENTRIES(F("a"), D("a/"))},
        {"'b' is there twice, also as a file", ENTRIES(F("a"), L("b", "a"), F("b-"), D("b"))},
        {"the whiteout '.wh.' does not hide a name", ENTRIES(F(".wh."))},
        {"the whiteout 'a/.wh..' does not hide a name", ENTRIES(D("a/"), F("a/.wh.."))},
        {"the whiteout '.wh...' does not hide a name", ENTRIES(F(".wh..."))},
        {"the whiteout '.wh..wh.x' does not hide a name", ENTRIES(F(".wh..wh.x"))},
        {"the whiteout '.wh.x/' is not an empty file", ENTRIES(D(".wh.x/"))},
        {"the whiteout '.wh.x' is not an empty file", ENTRIES(S(".wh.x"))},
        {"the whiteout '.wh.x' is not an empty file", ENTRIES({.name = ".wh.x", .size = 1})},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error *err = write_as_guest(cases[i].entries, cases[i].count, 1 << 20);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_VM);
        if (strstr(err->message, cases[i].cause) == NULL)
            fail_msg("'%s' instead of '%s'", err->message, cases[i].cause);
        error_free(err);
    }
}

/* Writes TAR in pieces of PIECE bytes to a writer that forbids the secret "secret!!". *RET_TEXT is
 * what is wrong with it, the caller's; NULL if nothing is. */
static void write_forbidden(const struct buffer *tar, size_t piece, char **ret_text)
{
    static char id[] = "token", bytes[] = "secret!!\n";
    const struct secret secret = {.id = id, .bytes = bytes, .length = strlen(bytes)};
    const struct secrets secrets = {.items = (struct secret[]){secret}, .count = 1};
    CLEANUP(layer_writer_freep) struct layer_writer *writer = NULL;
    struct error *err = NULL;

    assert_null(layer_writer_new(folder, "layer", (struct layer_form_wanted){0}, &writer));
    layer_writer_forbid(writer, &secrets);
    for (size_t at = 0; err == NULL && at < tar->length; at += piece)
        err = layer_writer_write(writer, tar->data + at,
                                 tar->length - at < piece ? tar->length - at : piece);
    if (err != NULL)
        assert_int_equal(err->code, EXIT_SCRIPT);
    *ret_text = err != NULL ? xstrdup(err->message) : NULL;
    error_free(err);
}

/* Wherever a secret is in the layer, its path is named, and the secret itself is not shown. */
static void test_secrets(void **state)
{
    static const struct {
        const char *extension, *name, *link, *data, *expected;
    } cases[] = {
        {NULL, "a", NULL, "it is secret!", NULL},
        {NULL, "a", NULL, "it is a secret!!", "'a' holds the secret 'token'"},
        {NULL, "a", NULL, "secsecret!!", "'a' holds the secret 'token'"},
        {NULL, "b-secret!!-c", NULL, "", "the name 'b-***-c' holds the secret 'token'"},
        {NULL, "a", "/x/secret!!", "", "the target of link 'a' holds the secret 'token'"},
        {"33 SCHILY.xattr.user.x=asecret!!\n", "a", NULL, "",
         "an extended attribute of 'a' holds the secret 'token'"},
    };
    static const size_t pieces[] = {1, 7, 512, 1 << 20};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t j = 0; j < sizeof pieces / sizeof *pieces; j++) {
            CLEANUP(buffer_free) struct buffer tar = {0};
            CLEANUP(freep) char *text = NULL;

            tar_blocks_header(&tar, (struct tar_block){.name = "0", .size = 7, .mode = 0644});
            tar_blocks_data(&tar, "it is s", 7); /* which the next entry does not go on with */
            if (cases[i].extension != NULL)
                tar_blocks_extension(&tar, 'x', cases[i].extension);
            tar_blocks_header(&tar, (struct tar_block){.name = cases[i].name,
                                                       .link = cases[i].link,
                                                       .mode = 0644,
                                                       .type = cases[i].link != NULL ? '2' : '0',
                                                       .size = strlen(cases[i].data)});
            tar_blocks_data(&tar, cases[i].data, strlen(cases[i].data));
            tar_blocks_end(&tar);
            write_forbidden(&tar, pieces[j], &text);
            if (cases[i].expected == NULL)
                assert_null(text);
            else if (text == NULL || strstr(text, cases[i].expected) == NULL)
                fail_msg("'%s' instead of '%s'", text, cases[i].expected);
        }
}

/* Many files, and hard links to each of them. */
static void test_a_guests_many_links(void **state)
{
    CLEANUP(layer_writer_freep) struct layer_writer *writer = NULL;
    struct layer layer = {0};
    char name[16], target[16];

    (void)state;
    assert_null(layer_writer_new(folder, "layer", (struct layer_form_wanted){0}, &writer));
    layer_writer_expect_guest(writer, 1 << 20);
    for (int i = 0; i < 20000; i++) {
        CLEANUP(buffer_free) struct buffer tar = {0};

        snprintf(name, sizeof name, "%c%06d", i < 10000 ? 'a' : 'b', i % 10000);
        snprintf(target, sizeof target, "a%06d", i % 10000);
        tar_blocks_header(&tar, i < 10000 ? F(name) : L(name, target));
        assert_null(layer_writer_write(writer, tar.data, tar.length));
    }
    CLEANUP(buffer_free) struct buffer end = {0};

    tar_blocks_end(&end);
    assert_null(layer_writer_write(writer, end.data, end.length));
    assert_null(layer_writer_finish(STEAL(writer), &layer));
    layer_free(&layer);
}

/* No more data than the disk holds, whatever the sizes are that the headers state. */
static void test_a_guests_size(void **state)
{
    static const struct tar_block files[] = {{.name = "a", .size = 600 << 10},
                                             {.name = "b", .size = 600 << 10}};
    struct error *err = write_as_guest(files, 2, 1 << 20);

    (void)state;
    assert_null(write_as_guest(files, 2, 1200 << 10));
    assert_int_equal(err->code, EXIT_VM);
    assert_non_null(strstr(err->message, "more data than its disk of 1 MiB can hold"));
    error_free(err);
}

/* Holes do not count: that of lastlog is larger than any disk. */
static void test_a_guests_hole(void **state)
{
    const uint64_t size = 64 << 20;
    CLEANUP(buffer_free) struct buffer tar = {0};
    struct layer_writer *writer = NULL;
    struct layer layer = {0};

    (void)state;
    tar_blocks_header(&tar, (struct tar_block){.name = "lastlog", .size = size});
    assert_null(layer_writer_new(folder, "layer", (struct layer_form_wanted){0}, &writer));
    layer_writer_expect_guest(writer, 1 << 20);
    assert_null(layer_writer_write(writer, tar.data, tar.length));
    assert_null(layer_writer_skip(writer, size));
    tar.length = 0;
    tar_blocks_end(&tar);
    assert_null(layer_writer_write(writer, tar.data, tar.length));
    assert_null(layer_writer_finish(writer, &layer));
    layer_free(&layer);
}

/* Holes are where data is: anywhere else they only cost time. */
static void test_a_guests_hole_elsewhere(void **state)
{
    CLEANUP(layer_writer_freep) struct layer_writer *writer = NULL;
    CLEANUP(buffer_free) struct buffer tar = {0};

    (void)state;
    tar_blocks_header(&tar, (struct tar_block){.name = "a", .size = 1 << 20});
    assert_null(layer_writer_new(folder, "layer", (struct layer_form_wanted){0}, &writer));
    layer_writer_expect_guest(writer, 1 << 20);
    assert_null(layer_writer_write(writer, tar.data, tar.length));
    assert_null(layer_writer_skip(writer, (1 << 20) - (128 << 10)));
    CLEANUP(error_freep) struct error *err = layer_writer_skip(writer, (128 << 10) + 1);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_non_null(strstr(err->message, "a hole that is not in a file"));
}

/* A consumer that fails stops the stream with its own error. */
static void test_full_disk(void **state)
{
    CLEANUP(buffer_free) struct buffer tar = {0};
    CLEANUP(freep) char *data = xcalloc(16 << 20, 1);
    struct layer_writer *writer = NULL;
    struct error *err = NULL;

    (void)state;
    tar_blocks_header(&tar, (struct tar_block){.name = "f", .size = 16 << 20});
    tar_blocks_data(&tar, data, 16 << 20);
    assert_null(layer_writer_new(folder, "layer", everything, &writer));
    /* The temporaries' descriptors now lead to a disk that is always full. */
    for (int fd = 3; fd < 32; fd++) {
        char link[64], target[256] = {0};

        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (readlink(link, target, sizeof target - 1) > 0 && strstr(target, "/.layer.") != NULL) {
            int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

            assert_true(dup2(full, fd) == fd);
            close(full);
        }
    }
    err = layer_writer_write(writer, tar.data, tar.length);
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_DISK_FULL);
    error_free(err);
    layer_writer_free(writer);
}

static int set_up(void **state)
{
    assert_null(temporary_setup());
    return make_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_forms),
        cmocka_unit_test(test_nothing_kept),
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_holes_elsewhere),
        cmocka_unit_test(test_refused_entries),
        cmocka_unit_test(test_refused_extensions),
        cmocka_unit_test(test_refused_streams),
        cmocka_unit_test(test_huge_extension),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_a_guests_order),
        cmocka_unit_test(test_a_guests_lies),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_a_guests_many_links),
        cmocka_unit_test(test_a_guests_size),
        cmocka_unit_test(test_a_guests_hole),
        cmocka_unit_test(test_a_guests_hole_elsewhere),
        cmocka_unit_test(test_extension_for_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, remove_empty_folder);
}
