/* The watchdog, with a sleeping child in QEMU's place. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/vm/watchdog.h"

static struct watchdog *watchdog;
static pid_t child;

static int start(void **state)
{
    (void)state;
    struct error *err = watchdog_new(&watchdog);

    if (err != NULL) {
        error_free(err);
        return -1;
    }
    child = fork();
    if (child == 0)
        for (;;)
            pause();
    return child < 0 ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    watchdog_free(watchdog);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}

/* The child is gone, by SIGKILL. */
static void expect_killed(void)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void expect_alive(void)
{
    assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
}

static void test_fires(void **state)
{
    (void)state;
    watchdog_set_target(watchdog, child);
    watchdog_arm(watchdog, 0);
    expect_killed();
    assert_true(watchdog_disarm(watchdog));
    assert_false(watchdog_disarm(watchdog));
}

static void test_knows_its_target_late(void **state)
{
    (void)state;
    watchdog_arm(watchdog, 0);
    usleep(50000);
    expect_alive();
    watchdog_set_target(watchdog, child);
    expect_killed();
    assert_true(watchdog_disarm(watchdog));
}

static void test_disarmed(void **state)
{
    (void)state;
    watchdog_set_target(watchdog, child);
    watchdog_arm(watchdog, 1);
    assert_false(watchdog_disarm(watchdog));
    usleep(1200000);
    expect_alive();
}

static void test_moved(void **state)
{
    (void)state;
    watchdog_set_target(watchdog, child);
    watchdog_arm(watchdog, 1);
    watchdog_arm(watchdog, 1000000);
    usleep(1200000);
    expect_alive();
    watchdog_arm(watchdog, 0);
    expect_killed();
    assert_true(watchdog_disarm(watchdog));
}

static void test_far_deadline(void **state)
{
    (void)state;
    watchdog_set_target(watchdog, child);
    watchdog_arm(watchdog, UINT64_MAX);
    usleep(50000);
    expect_alive();
    assert_false(watchdog_disarm(watchdog));
}

/* This process is stopped for longer than the watchdog waits. */
static void test_does_not_count_a_stop(void **state)
{
    (void)state;
    watchdog_set_target(watchdog, child);
    watchdog_arm(watchdog, 6);
    pid_t helper = fork();

    if (helper == 0) {
        kill(getppid(), SIGSTOP);
        sleep(9);
        _exit(kill(getppid(), SIGCONT));
    }
    assert_int_equal(waitpid(helper, NULL, 0), helper);
    usleep(300000);
    expect_alive();
    expect_killed();
    assert_true(watchdog_disarm(watchdog));
}

static void test_kills_at_once(void **state)
{
    (void)state;
    watchdog_kill(watchdog); /* nobody yet */
    expect_alive();
    watchdog_set_target(watchdog, child);
    watchdog_kill(watchdog);
    expect_killed();
    assert_false(watchdog_disarm(watchdog));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fires, start, end),
        cmocka_unit_test_setup_teardown(test_knows_its_target_late, start, end),
        cmocka_unit_test_setup_teardown(test_disarmed, start, end),
        cmocka_unit_test_setup_teardown(test_moved, start, end),
        cmocka_unit_test_setup_teardown(test_far_deadline, start, end),
        cmocka_unit_test_setup_teardown(test_does_not_count_a_stop, start, end),
        cmocka_unit_test_setup_teardown(test_kills_at_once, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
