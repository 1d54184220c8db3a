/* The watchdog, with a sleeping child in QEMU's place. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <seccomp.h>

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

static bool is_stopped(pid_t pid)
{
    char path[32], state = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return false;
    int found = fscanf(file, "%*d (%*[^)]) %c", &state);

    fclose(file);
    return found == 1 && state == 'T';
}

/* Makes a process that waits until this one is stopped, and continues it nine seconds later. */
static pid_t start_continuer(void)
{
    pid_t stopped = getpid();
    pid_t continuer = fork();

    if (continuer == 0) {
        while (!is_stopped(stopped))
            usleep(10000);
        sleep(9);
        _exit(kill(stopped, SIGCONT));
    }
    return continuer;
}

/* This process is stopped for longer than the watchdog waits, before its thread can have begun to
 * wait or AFTER microseconds later. */
static void expect_stop_not_counted(useconds_t after)
{
    pid_t continuer = start_continuer();

    watchdog_set_target(watchdog, child);
    watchdog_arm(watchdog, 6);
    if (after > 0)
        usleep(after);
    kill(getpid(), SIGSTOP);
    assert_int_equal(waitpid(continuer, NULL, 0), continuer);
    usleep(300000);
    expect_alive();
    expect_killed();
    assert_true(watchdog_disarm(watchdog));
}

static void test_does_not_count_a_stop(void **state)
{
    (void)state;
    expect_stop_not_counted(100000);
}

static void test_does_not_count_a_stop_at_once(void **state)
{
    (void)state;
    expect_stop_not_counted(0);
}

/* The child makes another one, which sleeps, as a script does that starts QEMU. */
static _Noreturn void be_wrapper(void)
{
    if (fork() < 0)
        _exit(1);
    for (;;)
        pause();
}

/* Replaces the child by one that computes. */
static void make_child_compute(void)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    child = fork();
    if (child == 0)
        for (;;)
            ;
}

static void test_launch_that_hangs(void **state)
{
    (void)state;
    watchdog_arm_launch(watchdog, 1);
    watchdog_set_target(watchdog, child);
    expect_killed();
    assert_true(watchdog_disarm(watchdog));
}

static void test_launch_that_hangs_and_computes(void **state)
{
    (void)state;
    make_child_compute();
    watchdog_arm_launch(watchdog, 1);
    watchdog_set_target(watchdog, child);
    expect_killed();
    assert_true(watchdog_disarm(watchdog));
}

/* A stopped child gets no processor, as on a loaded host. */
static void test_launch_waits_for_a_processor(void **state)
{
    (void)state;
    kill(child, SIGSTOP);
    watchdog_arm_launch(watchdog, 1);
    watchdog_set_target(watchdog, child);
    usleep(3500000);
    expect_alive();
    kill(child, SIGCONT);
    expect_killed();
    assert_true(watchdog_disarm(watchdog));
}

static void test_launch_has_a_limit(void **state)
{
    (void)state;
    kill(child, SIGSTOP);
    watchdog_arm_launch(watchdog, 0);
    watchdog_set_target(watchdog, child);
    expect_killed();
    assert_true(watchdog_disarm(watchdog));
}

static void test_launch_with_output(void **state)
{
    (void)state;
    watchdog_arm_launch(watchdog, 1);
    watchdog_set_target(watchdog, child);
    for (int i = 0; i < 35; i++) {
        watchdog_note_output(watchdog);
        usleep(100000);
    }
    expect_alive();
    expect_killed();
    assert_true(watchdog_disarm(watchdog));
}

/* QEMU, which a script has started, never connects. */
static void test_launch_without_a_target(void **state)
{
    int ends[2];
    char byte;

    (void)state;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(pipe(ends), 0);
    watchdog_arm_launch(watchdog, 1);
    child = fork();
    if (child == 0)
        be_wrapper();
    close(ends[1]);
    expect_killed();
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    assert_true(watchdog_disarm(watchdog));
}

/* A child from before the launch, as the process of the guest's network is. */
static void test_launch_spares_earlier_children(void **state)
{
    pid_t earlier = child;

    (void)state;
    watchdog_arm_launch(watchdog, 1);
    child = fork();
    if (child == 0)
        for (;;)
            pause();
    expect_killed();
    child = earlier;
    expect_alive();
    assert_true(watchdog_disarm(watchdog));
}

/* It is the new child that gets no processor, and not the one that sleeps. */
static void test_launch_waits_for_its_own_child(void **state)
{
    pid_t earlier = child;

    (void)state;
    watchdog_arm_launch(watchdog, 1);
    child = fork();
    if (child == 0)
        for (;;)
            pause();
    kill(child, SIGSTOP);
    usleep(3500000);
    expect_alive();
    kill(child, SIGCONT);
    expect_killed();
    child = earlier;
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

/* As under the filters of some containers, and valgrind. The filter stays: it is the last test. */
static void test_signals_by_number(void **state)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    assert_non_null(filter);
    assert_int_equal(
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(pidfd_send_signal), 0), 0);
    assert_int_equal(seccomp_load(filter), 0);
    seccomp_release(filter);
    assert_int_equal(start(state), 0);
    test_fires(state);
    end(state);
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
        cmocka_unit_test_setup_teardown(test_does_not_count_a_stop_at_once, start, end),
        cmocka_unit_test_setup_teardown(test_launch_that_hangs, start, end),
        cmocka_unit_test_setup_teardown(test_launch_that_hangs_and_computes, start, end),
        cmocka_unit_test_setup_teardown(test_launch_waits_for_a_processor, start, end),
        cmocka_unit_test_setup_teardown(test_launch_has_a_limit, start, end),
        cmocka_unit_test_setup_teardown(test_launch_with_output, start, end),
        cmocka_unit_test_setup_teardown(test_launch_without_a_target, start, end),
        cmocka_unit_test_setup_teardown(test_launch_spares_earlier_children, start, end),
        cmocka_unit_test_setup_teardown(test_launch_waits_for_its_own_child, start, end),
        cmocka_unit_test_setup_teardown(test_kills_at_once, start, end),
        cmocka_unit_test(test_signals_by_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
