/* Frames from the host: cut anywhere, held back, and those of an earlier session. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/script/session_input.h"

struct fixture {
    int host, guest; /* of the port */
    int reader;      /* what the session reads from */
    struct session_input input;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    int port[2], ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, port), 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(port[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    fixture.host = port[0];
    fixture.guest = port[1];
    fixture.reader = ends[0];
    session_input_start(&fixture.input, port[1], ends[1], false);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    session_input_end(&fixture->input);
    close(fixture->host);
    close(fixture->guest);
    close(fixture->reader);
    return 0;
}

/* Appends a frame to BYTES at LENGTH. Returns the new length. */
static size_t put(unsigned char *bytes, size_t length, unsigned kind, const char *text)
{
    size_t size = strlen(text);

    bytes[length++] = (unsigned char)size;
    bytes[length++] = (unsigned char)(size >> 8);
    bytes[length++] = 0;
    bytes[length++] = (unsigned char)kind;
    memcpy(bytes + length, text, size);
    return length + size;
}

static void expect(const struct fixture *fixture, const char *text)
{
    char got[256] = "";
    ssize_t length = read(fixture->reader, got, sizeof got - 1);

    assert_int_equal(length < 0 ? 0 : length, strlen(text));
    assert_string_equal(got, text);
}

static void test_every_cut(void **state)
{
    struct fixture *fixture = *state;
    unsigned char bytes[256];
    size_t length = put(bytes, 0, GUEST_STREAM_INPUT, "of an earlier session");

    length = put(bytes, length, GUEST_STREAM_END, "");
    length = put(bytes, length, GUEST_STREAM_BEGIN, "");
    length = put(bytes, length, GUEST_STREAM_INPUT, "one ");
    length = put(bytes, length, GUEST_STREAM_SIZE, "abcd");
    length = put(bytes, length, 99, "of a later version");
    length = put(bytes, length, GUEST_STREAM_INPUT, "two");
    for (size_t step = 1; step <= length; step++) {
        fixture->input.begun = false;
        for (size_t at = 0; at < length; at += step) {
            size_t part = length - at < step ? length - at : step;

            assert_int_equal(write(fixture->host, bytes + at, part), part);
            assert_true(session_input_wants_port(&fixture->input));
            session_input_read(&fixture->input);
        }
        expect(fixture, "one two");
    }
}

static void test_end(void **state)
{
    struct fixture *fixture = *state;
    unsigned char bytes[256];
    char got;
    size_t length = put(bytes, 0, GUEST_STREAM_BEGIN, "");

    length = put(bytes, length, GUEST_STREAM_INPUT, "last");
    length = put(bytes, length, GUEST_STREAM_END, "");
    length = put(bytes, length, GUEST_STREAM_INPUT, "ignored");
    assert_int_equal(write(fixture->host, bytes, length), length);
    session_input_read(&fixture->input);
    expect(fixture, "last");
    assert_int_equal(read(fixture->reader, &got, 1), 0);
    assert_true(session_input_wants_port(&fixture->input));
    assert_false(session_input_wants_target(&fixture->input));
}

/* What the session does not read stays in the port. */
static void test_full_target(void **state)
{
    struct fixture *fixture = *state;
    unsigned char bytes[256];
    char filler[4096] = "", got[4096];
    size_t length = put(bytes, 0, GUEST_STREAM_BEGIN, "");

    length = put(bytes, length, GUEST_STREAM_INPUT, "late");
    while (write(fixture->input.target, filler, sizeof filler) > 0)
        ;
    assert_int_equal(write(fixture->host, bytes, length), length);
    session_input_read(&fixture->input);
    assert_true(session_input_wants_target(&fixture->input));
    assert_false(session_input_wants_port(&fixture->input));
    while (read(fixture->reader, got, sizeof got) > 0)
        ;
    session_input_pass(&fixture->input);
    assert_false(session_input_wants_target(&fixture->input));
    expect(fixture, "late");
}

static void test_reader_gone(void **state)
{
    struct fixture *fixture = *state;
    unsigned char bytes[256];
    size_t length = put(bytes, 0, GUEST_STREAM_BEGIN, "");

    length = put(bytes, length, GUEST_STREAM_INPUT, "for nobody");
    close(fixture->reader);
    fixture->reader = -1;
    assert_int_equal(write(fixture->host, bytes, length), length);
    session_input_read(&fixture->input);
    assert_true(session_input_wants_port(&fixture->input));
    assert_false(session_input_wants_target(&fixture->input));
}

static void test_host_gone(void **state)
{
    struct fixture *fixture = *state;

    close(fixture->host);
    fixture->host = -1;
    session_input_read(&fixture->input);
    assert_false(session_input_wants_port(&fixture->input));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_target, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reader_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_host_gone, set_up, tear_down),
    };

    signal(SIGPIPE, SIG_IGN); /* as init has it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
