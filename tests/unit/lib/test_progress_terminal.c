#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/buffer.h"
#include "host/lib/progress_renderer.h"
#include "host/lib/temporary.h"

/* A terminal at a fixed time and of a fixed size. */
static struct progress_event screen = {.rows = 24, .columns = 40, .stage = "launch"};
static struct progress_renderer *renderer;
static struct buffer out;

static void keep(struct buffer *text)
{
    (void)text;
}

static void start(const char *locale, bool has_colour)
{
    setenv("LC_ALL", locale, 1);
    renderer = progress_terminal_new(has_colour);
    renderer->write = keep;
    renderer->output_most = UINT64_MAX;
    screen = (struct progress_event){.rows = 24, .columns = 40, .stage = "launch", .now = 100};
}

static int end(void **state)
{
    (void)state;
    renderer->free(renderer);
    buffer_free(&out);
    return 0;
}

/* Returns what EVENT of KIND makes of the screen, with TEXT; valid until the next call. */
static const char *shown(enum progress_kind kind, const char *text)
{
    screen.kind = kind;
    screen.text = text;
    screen.length = text != NULL ? strlen(text) : 0;
    out.length = 0;
    buffer_append(&out, "", 0);
    renderer->show(renderer, &screen, &out);
    return out.data;
}

static void pass(double seconds)
{
    screen.now += seconds;
    screen.seconds += seconds;
}

static void test_a_stage_has_a_clock(void **state)
{
    (void)state;
    start("C", false);
    assert_string_equal(shown(PROGRESS_STAGE_START, NULL), "");
    pass(2.3);
    assert_string_equal(shown(PROGRESS_TICK, NULL), "\r> launch        2 s\033[J\r");
    pass(0.1);
    assert_string_equal(shown(PROGRESS_TICK, NULL), "");
    pass(63);
    assert_string_equal(shown(PROGRESS_TICK, NULL), "\r> launch        1 min 05 s\033[J\r");
    pass(0.04);
    assert_string_equal(shown(PROGRESS_STAGE_DONE, NULL), "\r\033[J* launch        1 min 05 s\n");
    pass(7200);
    screen.seconds = 7265;
    assert_string_equal(shown(PROGRESS_TICK, NULL), "\r> launch        2 h 01 min\033[J\r");
}

/* The last lines, and the one that is being written, as it is after its last carriage return. */
static void test_a_script_has_a_window(void **state)
{
    (void)state;
    start("C", false);
    screen.rows = 12; /* a quarter is the window's */
    shown(PROGRESS_STAGE_START, NULL);
    for (const char *line = "one\0two\0three\0four\r\0"; *line != '\0'; line += strlen(line) + 1)
        assert_string_equal(shown(PROGRESS_OUTPUT, line), "");
    assert_string_equal(shown(PROGRESS_TICK, ""), "\r> launch        0 s\033[K\n"
                                                  "  | two\033[K\n"
                                                  "  | three\033[K\n"
                                                  "  | four\033[J\r\033[3A");
    assert_string_equal(shown(PROGRESS_TICK, "10%\r\033[m20%\r"), "\r> launch        0 s\033[K\n"
                                                                  "  | three\033[K\n"
                                                                  "  | four\033[K\n"
                                                                  "  | ^[[m20%\033[J\r\033[3A");
    screen.rows = 3;
    assert_string_equal(shown(PROGRESS_TICK, ""), "\r> launch        0 s\033[J\r");
    screen.rows = 0; /* unknown: 24 */
    assert_non_null(strstr(shown(PROGRESS_TICK, ""), "one"));
    assert_string_equal(shown(PROGRESS_STAGE_DONE, NULL), "\r\033[J* launch        0.0 s\n");
    shown(PROGRESS_STAGE_START, NULL);
    assert_string_equal(shown(PROGRESS_TICK, ""), "\r> launch        0 s\033[J\r");
}

static void test_lines_fit(void **state)
{
    (void)state;
    start("C.UTF-8", false);
    screen.columns = 14;
    shown(PROGRESS_STAGE_START, NULL);
    shown(PROGRESS_OUTPUT, "12345678901");
    shown(PROGRESS_OUTPUT, "a\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2");
    shown(PROGRESS_OUTPUT, "e\xcc\x81\t12");
    assert_string_equal(shown(PROGRESS_TICK, ""),
                        "\r\xe2\x96\xb8 launch     \033[K\n"
                        "  \xe2\x94\x82 123456789\033[K\n"
                        "  \xe2\x94\x82 a\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\033[K\n"
                        "  \xe2\x94\x82 e\xcc\x81       1\033[J\r\033[3A");
    screen.columns = 1;
    shown(PROGRESS_TICK, "");
}

/* Where the locale has no UTF-8, only ASCII is shown. */
static void test_ascii(void **state)
{
    (void)state;
    start("C", true);
    shown(PROGRESS_STAGE_START, NULL);
    shown(PROGRESS_OUTPUT, "\xc3\xa4\x80");
    for (const char *c = shown(PROGRESS_TICK, "\xc3\xb6"); *c != '\0'; c++)
        assert_true((unsigned char)*c < 0x80);
    assert_non_null(strstr(out.data, "| M-CM-$M-^@"));
}

static void test_a_failure_shows_all(void **state)
{
    (void)state;
    start("C", false);
    shown(PROGRESS_STAGE_START, NULL);
    for (int i = 0; i < 100; i++)
        shown(PROGRESS_OUTPUT, "line");
    shown(PROGRESS_OUTPUT, "10%\r20%\r30%\r");
    shown(PROGRESS_OUTPUT, "\033[31m\xff\xc3\xa4");
    const char *text = shown(PROGRESS_STAGE_FAILED, NULL);
    size_t lines = 0;

    for (const char *c = text; (c = strstr(c, "\nline")) != NULL; c++)
        lines++;
    assert_int_equal(lines, 100);
    assert_non_null(strstr(text, "! launch"));
    assert_non_null(strstr(text, "\n30%\n^[[31mM-^?\xc3\xa4\n"));

    struct error *err = error_detail(error_new(EXIT_SCRIPT, "run: no"), "line 1\nthe end:\n  line");

    err->output_at = strlen("line 1\n");
    screen.error = err;
    assert_string_equal(shown(PROGRESS_ERROR, NULL), "vmbuild: run: no\n  | line 1\n");
    error_free(err);
}

static void test_a_failure_counts_what_is_too_much(void **state)
{
    (void)state;
    start("C", false);
    renderer->output_most = 8;
    shown(PROGRESS_STAGE_START, NULL);
    shown(PROGRESS_OUTPUT, "one");
    shown(PROGRESS_OUTPUT, "two");
    shown(PROGRESS_OUTPUT, "three");
    assert_non_null(strstr(shown(PROGRESS_TICK, ""), "three"));
    assert_non_null(
        strstr(shown(PROGRESS_STAGE_FAILED, NULL), "\none\ntwo\nvmbuild: left out 6 bytes"));
}

/* A note stays, and what is live is drawn again below it. */
static void test_notes(void **state)
{
    (void)state;
    start("C", false);
    shown(PROGRESS_STAGE_START, NULL);
    shown(PROGRESS_OUTPUT, "line");
    shown(PROGRESS_TICK, "");
    pass(0.1);
    assert_string_equal(shown(PROGRESS_NOTE, "a\nb\033"),
                        "\r\033[Jvmbuild: a\nvmbuild: b\\x1b\n"
                        "\r> launch        0 s\033[K\n  | line\033[J\r\033[1A");
    assert_string_equal(shown(PROGRESS_NOTE, "c"), "\r\033[Jvmbuild: c\n");
    assert_string_equal(shown(PROGRESS_NOTE, "d"), "vmbuild: d\n");
    assert_string_equal(shown(PROGRESS_TICK, ""),
                        "\r> launch        0 s\033[K\n  | line\033[J\r\033[1A");
}

static void test_a_bar(void **state)
{
    (void)state;
    start("C", false);
    screen.columns = 70;
    shown(PROGRESS_STAGE_START, NULL);
    pass(1);
    screen.bytes = 5000000;
    screen.total = 20000000;
    assert_string_equal(shown(PROGRESS_TICK, NULL),
                        "\r> launch        1 s  #####-----------------  "
                        "5.0 of 20.0 MB  5.0 MB/s\033[J\r");
    screen.columns = 40;
    assert_string_equal(shown(PROGRESS_TICK, NULL),
                        "\r> launch        1 s  5.0 of 20.0 MB  5.\033[J\r");
    screen.total = 0;
    pass(1);
    screen.bytes = 6000000;
    assert_string_equal(shown(PROGRESS_TICK, NULL),
                        "\r> launch        2 s  6.0 MB  3.8 MB/s\033[J\r");
    assert_string_equal(shown(PROGRESS_STAGE_DONE, NULL),
                        "\r\033[J* launch        2.0 s  6.0 MB\n");
}

/* Without a total, a part of the bar goes to and fro. */
static void test_a_bar_without_a_total(void **state)
{
    (void)state;
    start("C", false);
    screen.columns = 60;
    shown(PROGRESS_STAGE_START, NULL);
    pass(0.25);
    screen.bytes = 1000000;
    assert_string_equal(shown(PROGRESS_TICK, NULL),
                        "\r> launch        0 s  --####--------------  1.0 MB  4.0 MB/s\033[J\r");
    pass(0.9);
    assert_string_equal(shown(PROGRESS_TICK, NULL),
                        "\r> launch        1 s  -----------####-----  1.0 MB  0.9 MB/s\033[J\r");
    pass(0.9);
    assert_string_equal(shown(PROGRESS_TICK, NULL),
                        "\r> launch        2 s  ------------####----  1.0 MB  0.6 MB/s\033[J\r");
}

/* Nothing is drawn while the shell has the terminal, and nothing is erased that is the shell's. */
static void test_covered(void **state)
{
    (void)state;
    start("C", false);
    shown(PROGRESS_STAGE_START, NULL);
    shown(PROGRESS_TICK, NULL);
    screen.is_covered = true;
    screen.is_lost = true;
    assert_string_equal(shown(PROGRESS_TICK, NULL), "");
    screen.is_lost = false;
    assert_string_equal(shown(PROGRESS_NOTE, "a"), "vmbuild: a\n");
    screen.is_covered = false;
    assert_string_equal(shown(PROGRESS_TICK, NULL), "\r> launch        0 s\033[J\r");
}

static void test_raw_output_is_shown_as_it_comes(void **state)
{
    (void)state;
    start("C", false);
    renderer->raw = true;
    shown(PROGRESS_STAGE_START, NULL);
    shown(PROGRESS_TICK, NULL);
    screen.line = PROGRESS_PART_OF_LINE;
    assert_string_equal(shown(PROGRESS_OUTPUT, "\033[31mred"), "\r\033[J\033[31mred");
    assert_string_equal(shown(PROGRESS_TICK, NULL), "");
    screen.line = PROGRESS_WHOLE_LINE;
    assert_string_equal(shown(PROGRESS_OUTPUT, " end"), " end\n");
    assert_string_equal(shown(PROGRESS_TICK, NULL), "\r> launch        0 s\033[J\r");
}

static void test_colours(void **state)
{
    (void)state;
    start("C", true);
    shown(PROGRESS_STAGE_START, NULL);
    assert_string_equal(shown(PROGRESS_TICK, NULL), "\r\033[36m>\033[m launch        0 s\033[J\r");
    assert_string_equal(shown(PROGRESS_STAGE_DONE, NULL),
                        "\r\033[J\033[32m*\033[m launch        0.0 s\n");
}

static void test_a_total(void **state)
{
    (void)state;
    start("C", false);
    shown(PROGRESS_BEGIN, "pull");
    shown(PROGRESS_STAGE_START, NULL);
    pass(1.5);
    assert_string_equal(shown(PROGRESS_RESULT, "x"), "  total         1.5 s\nx\n");
    assert_string_equal(shown(PROGRESS_RESULT, "y"), "y\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_stage_has_a_clock, end),
        cmocka_unit_test_teardown(test_a_script_has_a_window, end),
        cmocka_unit_test_teardown(test_lines_fit, end),
        cmocka_unit_test_teardown(test_ascii, end),
        cmocka_unit_test_teardown(test_a_failure_shows_all, end),
        cmocka_unit_test_teardown(test_a_failure_counts_what_is_too_much, end),
        cmocka_unit_test_teardown(test_notes, end),
        cmocka_unit_test_teardown(test_a_bar, end),
        cmocka_unit_test_teardown(test_a_bar_without_a_total, end),
        cmocka_unit_test_teardown(test_covered, end),
        cmocka_unit_test_teardown(test_raw_output_is_shown_as_it_comes, end),
        cmocka_unit_test_teardown(test_colours, end),
        cmocka_unit_test_teardown(test_a_total, end),
    };
    struct error *err = temporary_setup();

    if (err != NULL)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    temporary_remove_all();
    return failed;
}
