#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "host/lib/parallel.h"

struct tally {
    atomic_int calls;
    atomic_int seen[64];
    size_t failing;
    pthread_t first; /* the thread that did index 0 */
};

static struct error *work(void *context, size_t index, const atomic_bool *stopped)
{
    struct tally *tally = context;

    (void)stopped;
    atomic_fetch_add(&tally->calls, 1);
    atomic_fetch_add(&tally->seen[index], 1);
    if (index == 0)
        tally->first = pthread_self();
    return index == tally->failing ? error_new(EXIT_OTHER, "%zu failed", index) : NULL;
}

static void test_each_once(void **state)
{
    struct tally tally = {.failing = 64};

    (void)state;
    assert_null(parallel_run(64, 4, work, &tally));
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(tally.seen[i], 1);
}

static void test_first_is_callers(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct tally tally = {.failing = 64};

        assert_null(parallel_run(2, 2, work, &tally));
        assert_true(pthread_equal(tally.first, pthread_self()));
    }
}

static void test_nothing(void **state)
{
    struct tally tally = {.failing = 64};

    (void)state;
    assert_null(parallel_run(0, 4, work, &tally));
    assert_int_equal(tally.calls, 0);
}

static void test_failure_stops(void **state)
{
    struct tally tally = {.failing = 3};
    struct error *err = parallel_run(64, 1, work, &tally);

    (void)state;
    assert_non_null(err);
    assert_string_equal(err->message, "3 failed");
    assert_int_equal(tally.calls, 4);
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_first_is_callers),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_failure_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
