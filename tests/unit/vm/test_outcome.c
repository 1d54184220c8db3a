/* The guest's reply on how a script ended: parsed strictly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/contract.h"
#include "host/vm/outcome.h"

static struct outcome parsed(const char *line)
{
    struct outcome outcome;

    assert_null(outcome_parse(line, &outcome));
    return outcome;
}

static void test_each_end(void **state)
{
    struct outcome outcome = parsed("exited 7 oom=0 full=0 unreachable=5 line=42 output=12");

    (void)state;
    assert_int_equal(outcome.end, OUTCOME_EXITED);
    assert_int_equal(outcome.number, 7);
    assert_int_equal(outcome.output, 12);
    assert_int_equal(outcome.unreachable, 5);
    assert_int_equal(outcome.line, 42);
    outcome = parsed("killed 9 oom=3 full=1 unreachable=0 line=0 output=18446744073709551615\n");
    assert_int_equal(outcome.end, OUTCOME_KILLED);
    assert_int_equal(outcome.number, 9);
    assert_int_equal(outcome.oom, 3);
    assert_true(outcome.full);
    assert_true(outcome.output == UINT64_MAX);
    outcome = parsed("timeout oom=0 full=0 unreachable=0 line=0 output=0");
    assert_int_equal(outcome.end, OUTCOME_TIMEOUT);
    assert_int_equal(outcome.number, 0);
    assert_false(outcome.full);
}

static void test_anything_else_is_an_error(void **state)
{
    static const char *const lines[] = {
        "",
        "\n",
        "exited",
        "exited 0",
        "exited  0 oom=0 full=0 unreachable=0 line=0 output=0",
        "exited -1 oom=0 full=0 unreachable=0 line=0 output=0",
        "exited +1 oom=0 full=0 unreachable=0 line=0 output=0",
        "exited 00 oom=0 full=0 unreachable=0 line=0 output=0",
        "exited 256 oom=0 full=0 unreachable=0 line=0 output=0",
        "killed 0 oom=0 full=0 unreachable=0 line=0 output=0",
        "killed 65 oom=0 full=0 unreachable=0 line=0 output=0",
        "timeout 3 oom=0 full=0 unreachable=0 line=0 output=0",
        "exited 0 full=0 oom=0 unreachable=0 line=0 output=0",
        "exited 0 oom=0 full=0 output=0",
        "exited 0 oom=0 full=0 unreachable=-1 line=0 output=0",
        "exited 0 oom=0 full=0 unreachable=0 line=x output=0",
        "exited 0 oom=0 full=0 line=0 unreachable=0 output=0",
        "exited 0 oom=0 full=2 unreachable=0 line=0 output=0",
        "exited 0 oom=0 full=0 unreachable=0 line=0 output=18446744073709551616",
        "exited 0 oom=0 full=0 unreachable=0 line=0 output=0\n\n",
        "exited 0 oom=0 full=0 unreachable=0 line=0 output=0 more",
        " exited 0 oom=0 full=0 unreachable=0 line=0 output=0",
        "exited killed 5 oom=0 full=0 unreachable=0 line=0 output=0",
        "exited timeout oom=0 full=0 unreachable=0 line=0 output=0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct outcome outcome;
        struct error *err = outcome_parse(lines[i], &outcome);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_VM);
        error_free(err);
    }
}

static void test_long_reply_is_an_error(void **state)
{
    char line[GUEST_REPLY_MAX + 2];
    struct outcome outcome;

    (void)state;
    memset(line, '0', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    struct error *err = outcome_parse(line, &outcome);

    assert_non_null(err);
    error_free(err);
}

static void test_layer_line(void **state)
{
    static const char *const bad[] = {
        "",         "layer=",   "layer=-1", "layer=01",
        "layer=1 ", "layer=0x", "output=1", "layer=18446744073709551616"};
    uint64_t bytes = 0;

    (void)state;
    assert_null(outcome_parse_layer("layer=18446744073709551615\n", &bytes));
    assert_true(bytes == UINT64_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error *err = outcome_parse_layer(bad[i], &bytes);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_VM);
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_end),
        cmocka_unit_test(test_anything_else_is_an_error),
        cmocka_unit_test(test_long_reply_is_an_error),
        cmocka_unit_test(test_layer_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
