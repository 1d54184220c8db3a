/* Compressed streams: what they hold, and that their bytes depend on the input alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <isa-l.h>
#include <zstd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/memory.h"
#include "host/tar/compression.h"

static struct error *keep(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return NULL;
}

static struct error *refuse(void *context, const void *bytes, size_t length)
{
    (void)context, (void)bytes, (void)length;
    return error_new(EXIT_DISK_FULL, "write 'x': no room");
}

/* A fixed sequence of numbers (xorshift32). */
static uint32_t next_number(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* LENGTH bytes: words of a small set, with a stretch of noise and one of zeros. */
static void make_input(size_t length, struct buffer *out)
{
    uint32_t state = 2463534242;

    while (out->length < length / 2) {
        uint32_t number = next_number(&state) % 1000, word = next_number(&state) % 3;

        buffer_printf(out, "%s%u ", word != 0 ? "layer " : "config/", number);
    }
    while (out->length < length / 4 * 3) {
        uint32_t number = next_number(&state);

        buffer_append(out, &number, sizeof number);
    }
    while (out->length < length)
        buffer_append(out, "", 1);
    out->length = length;
}

/* Compresses IN in pieces of at most PIECE bytes. */
static void compress(enum compression compression, const struct buffer *in, size_t piece,
                     struct buffer *out)
{
    struct compressor *compressor = NULL;

    assert_null(compressor_new(compression, (struct sink){keep, out}, &compressor));
    for (size_t at = 0; at < in->length; at += piece) {
        size_t length = in->length - at < piece ? in->length - at : piece;

        assert_null(compressor_write(compressor, in->data + at, length));
    }
    assert_null(compressor_finish(compressor));
}

/* What libarchive, which has its own gzip and zstd readers, finds in IN. */
static void decompress(const struct buffer *in, struct buffer *out)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    char piece[65536];
    la_ssize_t got;

    archive_read_support_filter_all(archive);
    archive_read_support_format_raw(archive);
    assert_int_equal(archive_read_open_memory(archive, in->data, in->length), ARCHIVE_OK);
    assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_OK);
    while ((got = archive_read_data(archive, piece, sizeof piece)) > 0)
        buffer_append(out, piece, (size_t)got);
    assert_int_equal(got, 0);
    archive_read_free(archive);
}

static void check_round_trip(enum compression compression, size_t length)
{
    CLEANUP(buffer_free) struct buffer in = {0}, packed = {0}, out = {0};

    make_input(length, &in);
    compress(compression, &in, 100000, &packed);
    decompress(&packed, &out);
    assert_int_equal(out.length, in.length);
    assert_memory_equal(out.data, in.data, in.length);
}

static void test_round_trip(void **state)
{
    static const size_t lengths[] = {1, 512, 512 << 10, (512 << 10) + 1, 9 << 20};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        check_round_trip(COMPRESSION_NONE, lengths[i]);
        check_round_trip(COMPRESSION_GZIP, lengths[i]);
        check_round_trip(COMPRESSION_ZSTD, lengths[i]);
    }
}

static void check_pieces(enum compression compression)
{
    static const size_t pieces[] = {1 << 20, 4096, 333333, 9 << 20};
    CLEANUP(buffer_free) struct buffer in = {0}, first = {0};

    make_input(9 << 20, &in);
    compress(compression, &in, 65536, &first);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        CLEANUP(buffer_free) struct buffer other = {0};

        compress(compression, &in, pieces[i], &other);
        assert_int_equal(other.length, first.length);
        assert_memory_equal(other.data, first.data, first.length);
    }
}

static void test_pieces_do_not_show(void **state)
{
    (void)state;
    check_pieces(COMPRESSION_GZIP);
    check_pieces(COMPRESSION_ZSTD);
}

/* The first digest was the same on every CPU that gzip_writer.h names (qemu-x86_64 -cpu NAME). */
#ifdef __x86_64__
#define GZIP_DIGEST "00685187bcb2ab6280d48bd30dbca10fe3e5634603618cb09435f57bcd6fcb3d"
#else
#define GZIP_DIGEST "ade44b57aa7dfcb83e7ba94738f09b86e7d1d2b5f99e9fcd6217a85923bb5c94"
#endif

static void test_gzip_bytes(void **state)
{
    CLEANUP(buffer_free) struct buffer in = {0}, packed = {0};
    struct digest digest;

    (void)state;
    if (ISAL_MAJOR_VERSION != 2 || ISAL_MINOR_VERSION < 30 || ISAL_MINOR_VERSION > 31)
        skip();
    make_input(3 << 20, &in);
    compress(COMPRESSION_GZIP, &in, 65536, &packed);
    digest_of(packed.data, packed.length, &digest);
    assert_string_equal(digest.hex, GZIP_DIGEST);
}

/* Words that recur at once, so that every slot of a young hash table counts. */
static void make_recurring(struct buffer *out)
{
    uint32_t state = 12345;

    while (out->length < 64) {
        uint32_t number = next_number(&state);

        buffer_append(out, &number, sizeof number);
    }
    for (size_t i = 0; i < 48; i++) {
        uint32_t number = next_number(&state);

        buffer_append(out, &number, sizeof number);
        buffer_reserve(out, 6);
        buffer_append(out, out->data + i, 6);
    }
}

/* The bytes do not depend on where the compressor lies in memory: ISA-L's own would, in this input,
 * in one of some 1,600 places. */
static void test_gzip_at_other_addresses(void **state)
{
    enum { PLACES = 8000 };
    CLEANUP(buffer_free) struct buffer in = {0}, first = {0};
    CLEANUP(freep) void **fillers = xcalloc(PLACES, sizeof *fillers);

    (void)state;
    make_recurring(&in);
    compress(COMPRESSION_GZIP, &in, in.length, &first);
    for (size_t i = 0; i < PLACES; i++) {
        CLEANUP(buffer_free) struct buffer other = {0};

        fillers[i] = xcalloc(1, (64 << 10) - 64); /* moves what is allocated next */
        compress(COMPRESSION_GZIP, &in, in.length, &other);
        assert_int_equal(other.length, first.length);
        assert_memory_equal(other.data, first.data, first.length);
    }
    for (size_t i = 0; i < PLACES; i++)
        free(fillers[i]);
}

static void test_zstd_bytes(void **state)
{
    static const struct {
        const char *version, *digest;
    } known[] = {{"1.5.4", "10f20363887ce6b96f67d7849911da7f19e5a1587ecaeee53ec12f771bef426a"},
                 {"1.5.7", "fce38ba35d532110575f028f133b7e23de2b707384262c2213c08d22f7f2850e"}};
    CLEANUP(buffer_free) struct buffer in = {0}, packed = {0};
    struct digest digest;
    const char *expected = "";

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(ZSTD_versionString(), known[i].version) == 0)
            expected = known[i].digest;
    if (*expected == '\0')
        skip();
    make_input(9 << 20, &in);
    compress(COMPRESSION_ZSTD, &in, 65536, &packed);
    digest_of(packed.data, packed.length, &digest);
    assert_string_equal(digest.hex, expected);
}

static void test_gzip_of_nothing(void **state)
{
    static const unsigned char expected[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255,
                                             3,    0,    0, 0, 0, 0, 0, 0, 0, 0};
    CLEANUP(buffer_free) struct buffer in = {0}, packed = {0};

    (void)state;
    compress(COMPRESSION_GZIP, &in, 1, &packed);
    assert_int_equal(packed.length, sizeof expected);
    assert_memory_equal(packed.data, expected, sizeof expected);
}

static void test_joined_members(void **state)
{
    static const enum compression both[] = {COMPRESSION_GZIP, COMPRESSION_ZSTD};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(buffer_free) struct buffer in = {0}, packed = {0}, out = {0};

        make_input(700000, &in);
        compress(both[i], &in, 65536, &packed);
        compress(both[i], &in, 65536, &packed);
        decompress(&packed, &out);
        assert_int_equal(out.length, 2 * in.length);
        assert_memory_equal(out.data, in.data, in.length);
        assert_memory_equal(out.data + in.length, in.data, in.length);
    }
}

static void test_sink_error_arrives(void **state)
{
    static const enum compression all[] = {COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD};
    CLEANUP(buffer_free) struct buffer in = {0};

    (void)state;
    make_input(9 << 20, &in);
    for (size_t i = 0; i < 3; i++) {
        struct compressor *compressor = NULL;

        assert_null(compressor_new(all[i], (struct sink){refuse, NULL}, &compressor));
        struct error *err = compressor_write(compressor, in.data, in.length);

        if (err == NULL)
            err = compressor_finish(STEAL(compressor));
        compressor_free(compressor);
        assert_non_null(err);
        assert_int_equal(err->code, EXIT_DISK_FULL);
        error_free(err);
    }
}

static void test_only_read_formats(void **state)
{
    struct compressor *compressor = NULL;
    struct error *err = compressor_new(COMPRESSION_XZ, (struct sink){keep, NULL}, &compressor);

    (void)state;
    assert_non_null(err);
    assert_string_equal(err->message,
                        "compress with 'xz': this format can be read but not written");
    error_free(err);
    assert_null(compressor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),        cmocka_unit_test(test_pieces_do_not_show),
        cmocka_unit_test(test_gzip_bytes),        cmocka_unit_test(test_gzip_at_other_addresses),
        cmocka_unit_test(test_zstd_bytes),        cmocka_unit_test(test_gzip_of_nothing),
        cmocka_unit_test(test_joined_members),    cmocka_unit_test(test_sink_error_arrives),
        cmocka_unit_test(test_only_read_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
