/* The time stamp counter's frequency, as measured twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/machine/tsc.h"

static void test_short_and_long_agree(void **state)
{
    struct tsc_sample start;

    (void)state;
    tsc_take(&start);
    int64_t quick = (int64_t)tsc_khz(&start);

    if (quick == 0)
        skip(); /* a processor without an even counter */
    usleep(200000);
    int64_t slow = (int64_t)tsc_khz(&start);

    assert_true(slow > 100000);
    assert_true(llabs(quick - slow) < slow / 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_and_long_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
