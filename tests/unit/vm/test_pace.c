/* How long a transfer may take, by the numbers: no test waits for minutes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/vm/pace.h"

#define STALL (PACE_STALL_SECONDS * INT64_C(1000))
#define FIRST (PACE_FIRST_SECONDS * INT64_C(1000))
#define SECOND_OF_BYTES (PACE_LEAST_RATE / 1000 * 1000)

static void test_guest_that_stalls(void **state)
{
    const struct pace pace = {.turn = 1000};

    (void)state;
    assert_int_equal(pace_left(&pace, 1000), STALL);
    assert_int_equal(pace_left(&pace, 1000 + STALL), 0);
    assert_true(pace_left(&pace, 1001 + STALL) < 0);
}

/* However often a guest sends a little, its time runs out. */
static void test_guest_that_drips(void **state)
{
    struct pace pace = {.turn = 0, .spent = FIRST - 1000};

    (void)state;
    assert_int_equal(pace_left(&pace, 0), 1000);
    pace.passed = 10 * SECOND_OF_BYTES;
    assert_int_equal(pace_left(&pace, 0), 11000);
    assert_int_equal(pace_left(&pace, 11000), 0);
}

/* What has been earned is not saved for a stall. */
static void test_guest_that_was_fast(void **state)
{
    const struct pace pace = {.turn = 0, .passed = 100000 * SECOND_OF_BYTES};

    (void)state;
    assert_int_equal(pace_left(&pace, 0), STALL);
}

static void test_suspension_does_not_count(void **state)
{
    struct pace pace = {.turn = 0, .spent = FIRST};

    (void)state;
    assert_int_equal(pace_left(&pace, 0), 0);
    pace_suspend(&pace, true);
    pace.suspended -= 5000;
    pace_suspend(&pace, false);
    assert_true(pace_left(&pace, 0) >= 5000 && pace_left(&pace, 0) < 15000);
}

/* The host's turn takes nothing of the guest's time. */
static void test_turns(void **state)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    struct watchdog *watchdog = NULL;
    struct pace pace = {0};

    (void)state;
    assert_null(watchdog_new(&watchdog));
    pace_start(&pace, watchdog);
    pace_host(&pace, 1000);
    int64_t spent = pace.spent;

    nanosleep(&pause, NULL);
    pace_host(&pace, 500);
    pace_guest(&pace);
    assert_int_equal(pace.spent, spent);
    assert_int_equal(pace.passed, 1500);
    nanosleep(&pause, NULL);
    pace_host(&pace, 0);
    assert_true(pace.spent >= spent + 50);
    assert_false(watchdog_disarm(watchdog));
    pace_end(&pace);
    assert_null(pace.watchdog);
    watchdog_free(watchdog);
}

/* A guest whose time is over is killed, some seconds after its next bytes. */
static void test_slow_guest_is_killed(void **state)
{
    struct watchdog *watchdog = NULL;
    struct pace pace = {0};
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0)
        for (;;)
            pause();
    assert_null(watchdog_new(&watchdog));
    watchdog_set_target(watchdog, child);
    pace_start(&pace, watchdog);
    pace.spent = FIRST;
    pace_host(&pace, 7);
    pace_guest(&pace);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_true(watchdog_disarm(watchdog));
    struct error *err = pace_error(&pace, "pack the layer");

    assert_int_equal(err->code, EXIT_TIMEOUT);
    assert_non_null(strstr(err->message, "pack the layer: the guest was too slow: 7 bytes in 6"));
    error_free(err);
    pace.turn -= STALL;
    err = pace_error(&pace, "pack the layer");
    assert_non_null(strstr(err->message, "did not answer for 300 seconds"));
    error_free(err);
    watchdog_free(watchdog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guest_that_stalls),
        cmocka_unit_test(test_guest_that_drips),
        cmocka_unit_test(test_guest_that_was_fast),
        cmocka_unit_test(test_suspension_does_not_count),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_slow_guest_is_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
