#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/rfc3339.h"

static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"1970-01-01T00:00:01Z", 1},
        {"1969-12-31T23:59:59Z", -1},
        {"2016-02-29T12:00:00Z", 1456747200},
        {"9999-12-31T23:59:59Z", 253402300799},
        {"0001-01-01T00:00:00Z", -62135596800},
    };
    static const char *const wrong[] = {
        "",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-02-30T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:00:60Z",
        "0000-01-01T00:00:00Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00Zx",
        "1970-01-01T00:00:00+1:00",
        "+970-01-01T00:00:00Z",
    };
    int64_t seconds = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(freep) char *text = rfc3339_format(cases[i].seconds);

        assert_string_equal(text, cases[i].text);
        assert_true(rfc3339_parse(cases[i].text, &seconds));
        assert_int_equal(seconds, cases[i].seconds);
    }
    assert_true(rfc3339_parse("1970-01-01T02:00:00.999999999+02:00", &seconds));
    assert_int_equal(seconds, 0);
    assert_true(rfc3339_parse("1969-12-31T16:30:00-07:30", &seconds));
    assert_int_equal(seconds, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(rfc3339_parse(wrong[i], &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
