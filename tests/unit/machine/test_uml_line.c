/* The host's end of the line to User-Mode Linux, to a guest that keeps to its protocol and to one
 * that does not. */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/memory.h"
#include "host/machine/uml_line.h"

struct fixture {
    int guest;  /* the guest's end of the line */
    int output; /* what is connected to the port of the output */
    int fd;
    unsigned char *window;
    struct uml_line *line;
};

static void start(struct fixture *fixture)
{
    int line[2], output[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, output), 0);
    *fixture = (struct fixture){.guest = line[1],
                                .output = output[1],
                                .fd = line[0],
                                .window = xcalloc(GUEST_WINDOW_SIZE, 1)};
    fixture->line = uml_line_new(line[0], fixture->window);
    uml_line_connect(fixture->line, GUEST_LINE_OUTPUT, output[0]);
}

static void stop(struct fixture *fixture)
{
    uml_line_free(fixture->line);
    free(fixture->window);
    close(fixture->guest);
    close(fixture->output);
    close(fixture->fd);
}

static void tell(const struct fixture *fixture, unsigned port, unsigned kind, uint32_t length)
{
    unsigned char message[GUEST_LINE_MESSAGE] = {(unsigned char)port, (unsigned char)kind};

    length = htole32(length);
    memcpy(message + 4, &length, sizeof length);
    assert_int_equal(write(fixture->guest, message, sizeof message), sizeof message);
}

/* Takes a turn, in which there is something to do. */
static enum uml_line_state turn(const struct fixture *fixture)
{
    return uml_line_turn(fixture->line, -1);
}

/* The guest has got a message. */
static void expect(const struct fixture *fixture, unsigned port, unsigned kind, uint32_t length)
{
    unsigned char message[GUEST_LINE_MESSAGE];
    uint32_t got;

    assert_int_equal(recv(fixture->guest, message, sizeof message, MSG_DONTWAIT), sizeof message);
    memcpy(&got, message + 4, sizeof got);
    assert_int_equal(message[0], port);
    assert_int_equal(message[1], kind);
    assert_int_equal(le32toh(got), length);
}

static void expect_nothing(const struct fixture *fixture)
{
    unsigned char byte;

    assert_int_equal(recv(fixture->guest, &byte, 1, MSG_DONTWAIT), -1);
}

/* The first messages: the guest says that it is there, and the ports that nobody is connected to
 * end. */
static void begin(const struct fixture *fixture)
{
    tell(fixture, 0, GUEST_LINE_HELLO, 0);
    assert_int_equal(turn(fixture), UML_LINE_GOES_ON);
    assert_true(uml_line_has_begun(fixture->line));
}

static void test_from_the_guest(void **state)
{
    struct fixture fixture;
    char text[16] = "";

    (void)state;
    start(&fixture);
    begin(&fixture);
    memcpy(fixture.window + guest_line_slot(GUEST_LINE_OUTPUT, true, 0), "one", 3);
    memcpy(fixture.window + guest_line_slot(GUEST_LINE_OUTPUT, true, 1), "two", 3);
    tell(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_DATA, 3);
    tell(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_DATA, 3);
    assert_int_equal(turn(&fixture), UML_LINE_GOES_ON);
    assert_int_equal(turn(&fixture), UML_LINE_GOES_ON);
    assert_int_equal(turn(&fixture), UML_LINE_GOES_ON);
    expect(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_TAKEN, 0);
    expect(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_TAKEN, 0);
    expect_nothing(&fixture);
    assert_int_equal(recv(fixture.output, text, sizeof text, MSG_DONTWAIT), 6);
    assert_string_equal(text, "onetwo");
    stop(&fixture);
}

/* Nothing is sent before the guest listens, and then as much as it has room for. */
static void test_to_the_guest(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    assert_int_equal(write(fixture.output, "early", 5), 5);
    begin(&fixture);
    assert_int_equal(turn(&fixture), UML_LINE_GOES_ON);
    expect(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_DATA, 5);
    assert_memory_equal(fixture.window + guest_line_slot(GUEST_LINE_OUTPUT, false, 0), "early", 5);
    assert_int_equal(write(fixture.output, "a", 1), 1);
    assert_int_equal(turn(&fixture), UML_LINE_GOES_ON);
    expect(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_DATA, 1);
    assert_int_equal(write(fixture.output, "later", 5), 5);
    tell(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_TAKEN, 0);
    assert_int_equal(turn(&fixture), UML_LINE_GOES_ON);
    assert_int_equal(turn(&fixture), UML_LINE_GOES_ON);
    expect(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_DATA, 5);
    assert_memory_equal(fixture.window + guest_line_slot(GUEST_LINE_OUTPUT, false, 0), "later", 5);
    stop(&fixture);
}

static void test_end_of_a_port(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    begin(&fixture);
    assert_int_equal(shutdown(fixture.output, SHUT_WR), 0);
    assert_int_equal(turn(&fixture), UML_LINE_GOES_ON);
    expect(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_END, 0);
    /* What the guest still sends is dropped. */
    tell(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_DATA, 100);
    assert_int_equal(turn(&fixture), UML_LINE_GOES_ON);
    expect(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_TAKEN, 0);
    stop(&fixture);
}

static void test_end_of_the_line(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    begin(&fixture);
    assert_int_equal(shutdown(fixture.guest, SHUT_WR), 0);
    assert_int_equal(turn(&fixture), UML_LINE_CLOSED);
    stop(&fixture);
}

static void test_wrong_messages(void **state)
{
    static const struct {
        unsigned port, kind;
        uint32_t length;
    } wrong[] = {{GUEST_LINE_PORTS, GUEST_LINE_DATA, 1},
                 {255, GUEST_LINE_TAKEN, 0},
                 {GUEST_LINE_OUTPUT, GUEST_LINE_DATA, 0},
                 {GUEST_LINE_OUTPUT, GUEST_LINE_DATA, GUEST_LINE_SLOT + 1},
                 {GUEST_LINE_OUTPUT, GUEST_LINE_DATA, UINT32_MAX},
                 {GUEST_LINE_OUTPUT, GUEST_LINE_TAKEN, 0}, /* of nothing */
                 {GUEST_LINE_OUTPUT, GUEST_LINE_END, 0},
                 {0, GUEST_LINE_HELLO, 0}, /* again */
                 {0, 0, 0},
                 {0, 255, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct fixture fixture;

        start(&fixture);
        begin(&fixture);
        tell(&fixture, wrong[i].port, wrong[i].kind, wrong[i].length);
        assert_int_equal(turn(&fixture), UML_LINE_WRONG);
        stop(&fixture);
    }
}

static void test_before_the_beginning(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    tell(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_DATA, 1);
    assert_int_equal(turn(&fixture), UML_LINE_WRONG);
    stop(&fixture);
}

/* More slots than there are. */
static void test_too_much(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    begin(&fixture);
    for (unsigned i = 0; i < GUEST_LINE_SLOTS + 1; i++)
        tell(&fixture, GUEST_LINE_OUTPUT, GUEST_LINE_DATA, 1);
    assert_int_equal(turn(&fixture), UML_LINE_WRONG);
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_the_guest), cmocka_unit_test(test_to_the_guest),
        cmocka_unit_test(test_end_of_a_port),  cmocka_unit_test(test_end_of_the_line),
        cmocka_unit_test(test_wrong_messages), cmocka_unit_test(test_before_the_beginning),
        cmocka_unit_test(test_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
