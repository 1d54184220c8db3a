/* A script's streams in frames, as the guest sends them, and as it never should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/vm/stream_frames.h"

/* Appends the bytes of errors in capitals. */
static struct error *take(void *context, enum guest_stream stream, const void *bytes, size_t length)
{
    const char *text = bytes;

    for (size_t i = 0; i < length; i++) {
        char byte = (char)(stream == GUEST_STREAM_ERROR ? text[i] - 'a' + 'A' : text[i]);

        buffer_append(context, &byte, 1);
    }
    return NULL;
}

static void add(struct buffer *to, unsigned kind, const char *text)
{
    uint32_t number = (uint32_t)kind << GUEST_STREAM_KIND_SHIFT | (uint32_t)strlen(text);

    for (int i = 0; i < GUEST_STREAM_HEADER; i++)
        buffer_append(to, &(char){(char)(number >> (8 * i))}, 1);
    buffer_append(to, text, strlen(text));
}

static void test_frames_cut_anywhere(void **state)
{
    CLEANUP(buffer_free) struct buffer sent = {0};

    (void)state;
    add(&sent, GUEST_STREAM_OUTPUT, "output");
    add(&sent, GUEST_STREAM_ERROR, "error");
    add(&sent, GUEST_STREAM_ERROR, "");
    add(&sent, GUEST_STREAM_OUTPUT, "more");
    for (size_t piece = 1; piece <= sent.length; piece++) {
        CLEANUP(buffer_free) struct buffer got = {0};
        struct stream_frames frames = {.take = take, .context = &got};

        for (size_t at = 0; at < sent.length; at += piece)
            assert_null(stream_frames_write(&frames, sent.data + at,
                                            sent.length - at < piece ? sent.length - at : piece));
        buffer_append(&got, "", 0);
        assert_string_equal(got.data, "outputERRORmore");
    }
}

static void test_other_frames_are_refused(void **state)
{
    static const unsigned kinds[] = {0, GUEST_STREAM_BEGIN, GUEST_STREAM_SIZE,
                                     GUEST_STREAM_ERROR + 1, 255};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        CLEANUP(buffer_free) struct buffer sent = {0};
        CLEANUP(buffer_free) struct buffer got = {0};
        struct stream_frames frames = {.take = take, .context = &got};

        add(&sent, kinds[i], "x");
        struct error *err = stream_frames_write(&frames, sent.data, sent.length);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_VM);
        assert_int_equal(got.length, 0);
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_cut_anywhere),
        cmocka_unit_test(test_other_frames_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
