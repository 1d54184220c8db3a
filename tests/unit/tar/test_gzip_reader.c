/* gzip as it is read: whatever its pieces, and whatever is wrong with it. */
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
#include "host/tar/compression.h"
#include "host/tar/gzip_reader.h"

/* Bytes that are read in pieces. */
struct pieces {
    const struct buffer *bytes;
    size_t at, piece;
};

static ssize_t read_piece(void *context, void *buffer, size_t capacity, struct error **err)
{
    struct pieces *pieces = context;
    size_t left = pieces->bytes->length - pieces->at;
    size_t length = left < pieces->piece ? left : pieces->piece;

    (void)err;
    assert_true(length <= capacity);
    if (length > 0)
        memcpy(buffer, pieces->bytes->data + pieces->at, length);
    pieces->at += length;
    return (ssize_t)length;
}

static struct error *append(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return NULL;
}

/* Appends LENGTH bytes as a member. */
static void add_member(const void *bytes, size_t length, struct buffer *out)
{
    struct compressor *compressor = NULL;

    assert_null(compressor_new(COMPRESSION_GZIP, (struct sink){append, out}, &compressor));
    assert_null(compressor_write(compressor, bytes, length));
    assert_null(compressor_finish(compressor));
}

/* Reads PACKED in pieces of PIECE bytes. */
static struct error *read_all(const struct buffer *packed, size_t piece, struct buffer *out)
{
    struct pieces pieces = {.bytes = packed, .piece = piece};
    struct gzip_reader *reader = gzip_reader_new((struct source){read_piece, &pieces});
    struct error *err = NULL;
    const void *bytes = NULL;
    size_t length = 1;

    while (err == NULL && length > 0) {
        err = gzip_reader_read(reader, &bytes, &length);
        if (err == NULL)
            buffer_append(out, bytes, length);
    }
    gzip_reader_free(reader);
    return err;
}

static void expect(const struct buffer *packed, const struct buffer *expected)
{
    static const size_t pieces[] = {1, 2, 7, 8, 9, 100, 65536};

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        CLEANUP(buffer_free) struct buffer out = {0};

        assert_null(read_all(packed, pieces[i], &out));
        assert_int_equal(out.length, expected->length);
        if (out.length > 0)
            assert_memory_equal(out.data, expected->data, out.length);
    }
}

static void expect_refusal(const struct buffer *packed, const char *cause)
{
    static const size_t pieces[] = {1, 65536};

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        CLEANUP(buffer_free) struct buffer out = {0};
        CLEANUP(error_freep) struct error *err = read_all(packed, pieces[i], &out);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_INPUT);
        assert_non_null(strstr(err->message, cause));
    }
}

/* More than one piece of output. */
static void make_input(struct buffer *out)
{
    for (unsigned int i = 0; out->length < 700000; i++)
        buffer_printf(out, "%u and %u,", i, i * 2654435761u);
}

static void test_members_are_joined(void **state)
{
    CLEANUP(buffer_free) struct buffer in = {0}, packed = {0};

    (void)state;
    make_input(&in);
    add_member(in.data, in.length, &packed);
    expect(&packed, &in);
    add_member("", 0, &packed);
    add_member("end", 3, &packed);
    buffer_append(&in, "end", 3);
    expect(&packed, &in);
}

static void test_nothing(void **state)
{
    CLEANUP(buffer_free) struct buffer in = {0}, packed = {0};

    (void)state;
    add_member("", 0, &packed);
    expect(&packed, &in);
}

/* A name, a comment, an extra field and the header's own checksum. */
static void test_header_fields(void **state)
{
    static const char header[] = "\x1f\x8b\x08\x1e\0\0\0\0\0\xff"
                                 "\x02\0xyname\0comment\0\0\0";
    CLEANUP(buffer_free) struct buffer in = {0}, member = {0}, packed = {0};

    (void)state;
    buffer_append(&in, "hello", 5);
    add_member(in.data, in.length, &member);
    buffer_append(&packed, header, sizeof header - 1);
    buffer_append(&packed, member.data + 10, member.length - 10);
    expect(&packed, &in);
}

static void test_what_follows_is_ignored(void **state)
{
    static const char *const ends[] = {"\0\0\0\0", "\x1f", "\x1f\x8b", "junk"};
    static const size_t lengths[] = {4, 1, 2, 4};

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        CLEANUP(buffer_free) struct buffer in = {0}, packed = {0};

        buffer_append(&in, "hello", 5);
        add_member(in.data, in.length, &packed);
        buffer_append(&packed, ends[i], lengths[i]);
        expect(&packed, &in);
    }
}

static void test_truncation(void **state)
{
    CLEANUP(buffer_free) struct buffer packed = {0};

    (void)state;
    add_member("hello", 5, &packed);
    while (packed.length > 3) {
        packed.length--;
        expect_refusal(&packed, "the gzip data is truncated");
    }
}

/* No changed bit changes what is read. Some fill up a byte and mean nothing. */
static void test_damage(void **state)
{
    static const char text[] = "hello, hello, hello";
    CLEANUP(buffer_free) struct buffer packed = {0};

    (void)state;
    add_member(text, strlen(text), &packed);
    for (size_t i = 8 * 10; i < 8 * packed.length; i++) {
        CLEANUP(buffer_free) struct buffer out = {0};

        packed.data[i / 8] ^= (char)(1 << i % 8);
        CLEANUP(error_freep) struct error *err = read_all(&packed, 65536, &out);

        packed.data[i / 8] ^= (char)(1 << i % 8);
        if (err == NULL)
            assert_string_equal(out.data, text);
        else
            assert_int_equal(err->code, EXIT_INPUT);
    }
}

static void test_checksum_and_length(void **state)
{
    CLEANUP(buffer_free) struct buffer packed = {0};

    (void)state;
    add_member("hello", 5, &packed);
    packed.data[packed.length - 8]++;
    expect_refusal(&packed, "the gzip data does not match its checksum");
    packed.data[packed.length - 8]--;
    packed.data[packed.length - 1]++;
    expect_refusal(&packed, "the gzip data does not match its length");
}

static ssize_t fail_to_read(void *context, void *buffer, size_t capacity, struct error **err)
{
    (void)context, (void)buffer, (void)capacity;
    *err = error_new(EXIT_NETWORK, "no answer");
    return -1;
}

static void test_source_that_fails(void **state)
{
    struct gzip_reader *reader = gzip_reader_new((struct source){fail_to_read, NULL});
    const void *bytes;
    size_t length;

    (void)state;
    CLEANUP(error_freep) struct error *err = gzip_reader_read(reader, &bytes, &length);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_NETWORK);
    gzip_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_are_joined),  cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_header_fields),       cmocka_unit_test(test_what_follows_is_ignored),
        cmocka_unit_test(test_truncation),          cmocka_unit_test(test_damage),
        cmocka_unit_test(test_checksum_and_length), cmocka_unit_test(test_source_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
