/* The guest's side of libguestfs' protocol, over a socket as over the virtio-serial port: calls,
 * replies, files in both directions, and what a broken peer may send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/call/wire.h"

struct fixture {
    int library;
    int daemon;
    struct wire *wire;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    int fds[2];

    assert_non_null(fixture);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fixture->library = fds[0];
    fixture->daemon = fds[1];
    fixture->wire = wire_new(fds[1]);
    assert_non_null(fixture->wire);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    wire_free(fixture->wire);
    close(fixture->library);
    close(fixture->daemon);
    free(fixture);
    return 0;
}

static void say(const struct fixture *fixture, const void *bytes, size_t length)
{
    assert_int_equal(write(fixture->library, bytes, length), length);
}

static void say_words(const struct fixture *fixture, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char word[4];

        xdr_store_u32(word, words[i]);
        say(fixture, word, sizeof word);
    }
}

#define SAY(fixture, ...)                                                                          \
    do {                                                                                           \
        const uint32_t words_[] = {__VA_ARGS__};                                                   \
        say_words(fixture, words_, sizeof words_ / sizeof *words_);                                \
    } while (0)

static void hear(const struct fixture *fixture, void *bytes, size_t length)
{
    assert_int_equal(recv(fixture->library, bytes, length, MSG_WAITALL), length);
}

static uint32_t hear_word(const struct fixture *fixture)
{
    unsigned char word[4];

    hear(fixture, word, sizeof word);
    return xdr_load_u32(word);
}

/* Hears the header of a reply to call 7 of procedure 92 and returns its status. */
static uint32_t hear_header(const struct fixture *fixture)
{
    static const uint32_t start[] = {WIRE_PROGRAM, WIRE_VERSION, 92, 1, 7, 0, 0, 0, 0};

    for (size_t i = 0; i < sizeof start / sizeof *start; i++)
        assert_int_equal(hear_word(fixture), start[i]);
    return hear_word(fixture);
}

#define PING WIRE_PROGRAM, WIRE_VERSION, 92, 0, 7, 0, 0, 0, 0, 0

static struct wire_call receive_ping(struct fixture *fixture)
{
    struct wire_call call;

    SAY(fixture, 40, PING);
    assert_int_equal(wire_receive(fixture->wire, &call), WIRE_OK);
    return call;
}

static void test_launch_flag(void **state)
{
    assert_int_equal(wire_launch(((struct fixture *)*state)->wire), WIRE_OK);
    assert_int_equal(hear_word(*state), 0xf5f55ff5u);
}

static void test_call_and_reply(void **state)
{
    struct fixture *fixture = *state;
    struct wire_call call = receive_ping(fixture);

    assert_int_equal(call.procedure, 92);
    assert_int_equal(call.serial, 7);
    assert_ptr_equal(call.arguments.at, call.arguments.end);
    assert_int_equal(wire_reply(fixture->wire, &call), WIRE_OK);
    assert_int_equal(hear_word(fixture), 40);
    assert_int_equal(hear_header(fixture), 0);
}

static void test_string_reply(void **state)
{
    struct fixture *fixture = *state;
    struct wire_call call = receive_ping(fixture);
    char text[8];

    assert_int_equal(wire_reply_string(fixture->wire, &call, "hello"), WIRE_OK);
    assert_int_equal(hear_word(fixture), 40 + 4 + 8);
    assert_int_equal(hear_header(fixture), 0);
    assert_int_equal(hear_word(fixture), 5);
    hear(fixture, text, sizeof text);
    assert_memory_equal(text, "hello\0\0\0", 8);
}

static void test_error_reply(void **state)
{
    struct fixture *fixture = *state;
    struct wire_call call = receive_ping(fixture);
    char text[8];

    assert_int_equal(wire_reply_error(fixture->wire, &call, 28, "full"), WIRE_OK);
    assert_int_equal(hear_word(fixture), 40 + 12 + 8);
    assert_int_equal(hear_header(fixture), 1);
    assert_int_equal(hear_word(fixture), 6);
    hear(fixture, text, 8);
    assert_memory_equal(text, "ENOSPC\0\0", 8);
    assert_int_equal(hear_word(fixture), 4);
    hear(fixture, text, 4);
    assert_memory_equal(text, "full", 4);
}

static void test_progress(void **state)
{
    struct fixture *fixture = *state;
    struct wire_call call = receive_ping(fixture);
    const uint32_t words[] = {WIRE_PROGRESS_FLAG, call.procedure, call.serial, 1, 2,
                              UINT32_MAX,         UINT32_MAX};

    assert_int_equal(wire_progress(fixture->wire, UINT64_C(0x100000002)), WIRE_OK);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_int_equal(hear_word(fixture), words[i]);
}

static void test_other_protocol_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct wire_call call;

    SAY(fixture, 40, WIRE_PROGRAM, WIRE_VERSION + 1, 92, 0, 7, 0, 0, 0, 0, 0, 40, PING);
    assert_int_equal(wire_receive(fixture->wire, &call), WIRE_OK);
    assert_int_not_equal(hear_word(fixture), 40);
    assert_int_equal(hear_header(fixture), 1);
}

static void test_end_of_connection(void **state)
{
    struct fixture *fixture = *state;
    struct wire_call call;

    shutdown(fixture->library, SHUT_WR);
    assert_int_equal(wire_receive(fixture->wire, &call), WIRE_END);
}

static void test_cut_or_oversized_messages_lose_the_connection(void **state)
{
    struct fixture *fixture = *state;
    struct wire_call call;

    SAY(fixture, WIRE_MESSAGE_MAX + 1);
    assert_int_equal(wire_receive(fixture->wire, &call), WIRE_LOST);
    SAY(fixture, 8, WIRE_PROGRAM, WIRE_VERSION);
    assert_int_equal(wire_receive(fixture->wire, &call), WIRE_LOST);
    SAY(fixture, 40, WIRE_PROGRAM);
    shutdown(fixture->library, SHUT_WR);
    assert_int_equal(wire_receive(fixture->wire, &call), WIRE_LOST);
}

static void test_file_comes_in(void **state)
{
    struct fixture *fixture = *state;
    const unsigned char *bytes;
    size_t length;

    SAY(fixture, 8 + 8, 0, 5);
    say(fixture, "12345\0\0", 8);
    SAY(fixture, 8, 0, 0);
    assert_int_equal(wire_receive_chunk(fixture->wire, &bytes, &length), WIRE_OK);
    assert_int_equal(length, 5);
    assert_memory_equal(bytes, "12345", 5);
    assert_int_equal(wire_receive_chunk(fixture->wire, &bytes, &length), WIRE_END);
    SAY(fixture, 8, 1, 0);
    assert_int_equal(wire_receive_chunk(fixture->wire, &bytes, &length), WIRE_CANCELLED);
}

static void test_bad_chunks_lose_the_connection(void **state)
{
    struct fixture *fixture = *state;
    const unsigned char *bytes;
    size_t length;

    SAY(fixture, 8, 2, 0);
    assert_int_equal(wire_receive_chunk(fixture->wire, &bytes, &length), WIRE_LOST);
    SAY(fixture, 8, 0, 4); /* states 4 bytes, has none */
    assert_int_equal(wire_receive_chunk(fixture->wire, &bytes, &length), WIRE_LOST);
    SAY(fixture, 8, 0, WIRE_CHUNK_MAX + 4);
    assert_int_equal(wire_receive_chunk(fixture->wire, &bytes, &length), WIRE_LOST);
}

static void test_refused_file_is_read_to_its_end(void **state)
{
    struct fixture *fixture = *state;

    SAY(fixture, 8 + 4, 0, 4);
    say(fixture, "data", 4);
    SAY(fixture, 8, 1, 0);
    assert_int_equal(wire_refuse_file(fixture->wire), WIRE_OK);
    assert_int_equal(hear_word(fixture), WIRE_CANCEL_FLAG);
    receive_ping(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_launch_flag),
        TEST(test_call_and_reply),
        TEST(test_string_reply),
        TEST(test_error_reply),
        TEST(test_progress),
        TEST(test_other_protocol_is_refused),
        TEST(test_end_of_connection),
        TEST(test_cut_or_oversized_messages_lose_the_connection),
        TEST(test_file_comes_in),
        TEST(test_bad_chunks_lose_the_connection),
        TEST(test_refused_file_is_read_to_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
