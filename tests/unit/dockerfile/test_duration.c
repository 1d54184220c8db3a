/* Durations as Go writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/dockerfile/duration.h"

static void is(const char *text, int64_t expected)
{
    int64_t duration = -1;

    if (!duration_parse(text, &duration))
        fail_msg("'%s' is not a duration", text);
    assert_int_equal(duration, expected);
}

static void test_durations(void **state)
{
    (void)state;
    is("0", 0);
    is("0s", 0);
    is("1ns", 1);
    is("2us", 2000);
    is("2\xc2\xb5s2\xce\xbcs", 4000);
    is("1h30m5s3ms", INT64_C(5405003000000));
    is("1.5s", 1500000000);
    is(".5s", 500000000);
    is("1.s", 1000000000);
    is("0.0000000019s", 1);
    is("9223372036854775807ns", INT64_MAX);
}

static void test_what_is_none(void **state)
{
    static const char *const texts[] = {"",         "1",
                                        "s",        ".s",
                                        "1x",       "-1s",
                                        "1s ",      " 1s",
                                        "1s1",      "1e3s",
                                        "+",        "9223372036854775808ns",
                                        "2562048h", "9223372036854775807ns1ns",
                                        "1..5s"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t duration = 0;

        if (duration_parse(texts[i], &duration))
            fail_msg("'%s' is a duration", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
