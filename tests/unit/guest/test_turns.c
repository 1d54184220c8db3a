/* Two streams of a script, read in the order in which they were written. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/script/streams.h"
#include "guest/script/turns.h"

struct fixture {
    struct turns turns;
    struct streams inner, outer;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.inner = STREAMS_NONE, .outer = STREAMS_NONE};
    assert_int_equal(turns_start(&fixture.turns), 0);
    assert_int_equal(streams_make(STREAMS_SEPARATE, &fixture.inner, &fixture.outer), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    streams_close(&fixture->inner);
    streams_close(&fixture->outer);
    turns_end(&fixture->turns);
    return 0;
}

static void write_text(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Reads one turn into TEXT, of SIZE bytes. Returns its stream, 'o' or 'e', or 0 without one. */
static char read_turn(struct fixture *fixture, char *text, size_t size)
{
    int fd = turns_take(&fixture->turns);

    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, size - 1);

    turns_note(&fixture->turns, got);
    text[got > 0 ? got : 0] = '\0';
    return fd == fixture->outer.output ? 'o' : 'e';
}

static void test_the_order_is_kept(void **state)
{
    struct fixture *fixture = *state;
    char text[PIPE_BUF + 1], expected[32];

    for (int i = 0; i < 20; i++) {
        snprintf(expected, sizeof expected, "output %d\n", i);
        write_text(fixture->inner.output, expected);
        if (i % 3 == 0) {
            snprintf(expected, sizeof expected, "error %d\n", i);
            write_text(fixture->inner.error, expected);
        }
    }
    for (int i = 0; i < 20; i++) {
        snprintf(expected, sizeof expected, "output %d\n", i);
        assert_int_equal(read_turn(fixture, text, sizeof text), 'o');
        assert_string_equal(text, expected);
        if (i % 3 == 0) {
            snprintf(expected, sizeof expected, "error %d\n", i);
            assert_int_equal(read_turn(fixture, text, sizeof text), 'e');
            assert_string_equal(text, expected);
        }
    }
    assert_int_equal(read_turn(fixture, text, sizeof text), 0);
}

static void test_a_large_write_is_one_turn(void **state)
{
    struct fixture *fixture = *state;
    char large[2 * PIPE_BUF + 10], text[PIPE_BUF + 1];

    memset(large, 'x', sizeof large);
    assert_int_equal(write(fixture->inner.output, large, sizeof large), sizeof large);
    write_text(fixture->inner.error, "error");
    write_text(fixture->inner.output, "output");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_turn(fixture, text, sizeof text), 'o');
        assert_int_equal(strlen(text), i < 2 ? PIPE_BUF : 10);
    }
    assert_int_equal(read_turn(fixture, text, sizeof text), 'e');
    assert_int_equal(read_turn(fixture, text, sizeof text), 'o');
    assert_string_equal(text, "output");
}

/* Nothing is left of one script for the next, whose pipes have the same numbers. */
static void test_turns_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    char text[PIPE_BUF + 1];

    write_text(fixture->inner.output, "never read");
    assert_int_equal(tear_down(state), 0);
    assert_int_equal(set_up(state), 0);
    assert_int_equal(read_turn(fixture, text, sizeof text), 0);
    write_text(fixture->inner.error, "error");
    assert_int_equal(read_turn(fixture, text, sizeof text), 'e');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_order_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_large_write_is_one_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_turns_are_forgotten, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
