/* A layer in frames, as the guest sends it, and as it never should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/vm/layer_frames.h"

#define GIB (UINT64_C(1) << 30)

/* Data as it is, a hole as "[BYTES]". */
static struct error *take(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return NULL;
}

static struct error *take_hole(void *context, uint64_t length)
{
    buffer_printf(context, "[%llu]", (unsigned long long)length);
    return NULL;
}

static struct error *refuse(void *context, uint64_t length)
{
    (void)context, (void)length;
    return error_new(EXIT_DISK_FULL, "no room");
}

static void add_number(struct buffer *to, uint64_t number)
{
    for (int i = 0; i < GUEST_FRAME_HEADER; i++)
        buffer_append(to, &(char){(char)(number >> (8 * i))}, 1);
}

static void add_data(struct buffer *to, const char *text)
{
    add_number(to, strlen(text));
    buffer_append(to, text, strlen(text));
}

static void test_frames_cut_anywhere(void **state)
{
    CLEANUP(buffer_free) struct buffer sent = {0};

    (void)state;
    add_data(&sent, "some ");
    add_number(&sent, GUEST_FRAME_HOLE | 70000);
    add_number(&sent, GUEST_FRAME_HOLE | 5);
    add_data(&sent, "");
    add_data(&sent, "data");
    for (size_t piece = 1; piece <= sent.length; piece++) {
        CLEANUP(buffer_free) struct buffer got = {0};
        struct layer_frames frames = {.sink = {take, take_hole, &got}};

        for (size_t at = 0; at < sent.length; at += piece) {
            size_t length = sent.length - at < piece ? sent.length - at : piece;

            assert_null(layer_frames_write(&frames, sent.data + at, length));
        }
        assert_null(layer_frames_finish(&frames));
        assert_int_equal(got.length, strlen("some [70000][5]data"));
        assert_memory_equal(got.data, "some [70000][5]data", got.length);
    }
}

/* Whoever waits for a long hole sees that it goes on. */
static void test_long_hole_comes_in_pieces(void **state)
{
    CLEANUP(buffer_free) struct buffer sent = {0}, got = {0};
    struct layer_frames frames = {.sink = {take, take_hole, &got}};

    (void)state;
    add_number(&sent, GUEST_FRAME_HOLE | 150000000);
    assert_null(layer_frames_write(&frames, sent.data, sent.length));
    assert_string_equal(got.data, "[67108864][67108864][15782272]");
}

static void test_holes_are_limited(void **state)
{
    CLEANUP(buffer_free) struct buffer sent = {0}, got = {0};
    struct layer_frames frames = {.sink = {take, take_hole, &got}};
    CLEANUP(error_freep) struct error *err = NULL;

    (void)state;
    add_number(&sent, GUEST_FRAME_HOLE | (GUEST_LAYER_HOLES_MAX_GIB * GIB));
    add_number(&sent, GUEST_FRAME_HOLE | 1);
    err = layer_frames_write(&frames, sent.data, sent.length);
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_non_null(strstr(err->message, "holes of more than 64 GiB"));
    error_free(err);
    sent.length = 0;
    add_number(&sent, UINT64_MAX);
    frames = (struct layer_frames){.sink = {take, take_hole, &got}};
    err = layer_frames_write(&frames, sent.data, sent.length);
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
}

static void test_errors_of_the_sink(void **state)
{
    CLEANUP(buffer_free) struct buffer sent = {0};
    struct layer_frames frames = {.sink = {take, refuse, NULL}};

    (void)state;
    add_number(&sent, GUEST_FRAME_HOLE | 1);
    CLEANUP(error_freep)
    struct error *err = layer_frames_write(&frames, sent.data, sent.length);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_DISK_FULL);
}

static void test_end_within_a_frame(void **state)
{
    CLEANUP(buffer_free) struct buffer sent = {0}, got = {0};

    (void)state;
    add_data(&sent, "data");
    for (size_t length = 1; length < sent.length; length++) {
        struct layer_frames frames = {.sink = {take, take_hole, &got}};
        CLEANUP(error_freep) struct error *err = NULL;

        assert_null(layer_frames_write(&frames, sent.data, length));
        err = layer_frames_finish(&frames);
        assert_non_null(err);
        assert_int_equal(err->code, EXIT_VM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_cut_anywhere),
        cmocka_unit_test(test_long_hole_comes_in_pieces),
        cmocka_unit_test(test_holes_are_limited),
        cmocka_unit_test(test_errors_of_the_sink),
        cmocka_unit_test(test_end_within_a_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
