#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/error.h"
#include "host/lib/supervisor.h"
#include "host/lib/temporary.h"

/* Shared with the worker, which is another process. */
static struct {
    volatile pid_t grandchild;
    char path[256];
    volatile int changes[2]; /* calls of count_change */
} * shared;

static int return_code(void *argument)
{
    return *(int *)argument;
}

static void test_code_is_passed_on(void **state)
{
    int code = EXIT_TIMEOUT;

    (void)state;
    assert_int_equal(supervise(return_code, &code), EXIT_TIMEOUT);
}

/* Wants to be run again until that has happened as often as ARGUMENT says. */
static int run_again(void *argument)
{
    return shared->changes[0]++ < *(int *)argument ? EXIT_AGAIN : EXIT_NETWORK;
}

static void test_work_is_run_again(void **state)
{
    int times = 3;

    (void)state;
    shared->changes[0] = 0;
    assert_int_equal(supervise(run_again, &times), EXIT_NETWORK);
    assert_int_equal(shared->changes[0], 4);
    times = 1000;
    shared->changes[0] = 0;
    assert_int_equal(supervise(run_again, &times), EXIT_AGAIN);
    assert_int_equal(shared->changes[0], 10);
    shared->changes[0] = 0;
}

/* Leaves a process and a temporary behind, has the supervisor signalled, and waits for its end. */
static int work_until_killed(void *argument)
{
    char *path = NULL;

    if (temporary_file("/tmp", "test_supervisor", &path, NULL) != NULL)
        return EXIT_OTHER;
    for (size_t i = 0; i + 1 < sizeof shared->path && path[i] != '\0'; i++)
        shared->path[i] = path[i];
    pid_t grandchild = fork();

    if (grandchild == 0) {
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        for (;;)
            pause();
    }
    shared->grandchild = grandchild;
    kill(getppid(), *(int *)argument);
    for (;;)
        pause();
}

static void expect_end_by(int number, int code)
{
    assert_int_equal(supervise(work_until_killed, &number), code);
    assert_int_not_equal(access(shared->path, F_OK), 0);
    assert_int_not_equal(kill(shared->grandchild, 0), 0);
}

static void test_interrupt_leaves_nothing(void **state)
{
    (void)state;
    expect_end_by(SIGINT, EXIT_INTERRUPTED);
}

static void test_terminate_leaves_nothing(void **state)
{
    (void)state;
    expect_end_by(SIGTERM, EXIT_TERMINATED);
}

/* Those by which batch systems warn, and any other that would end the supervisor alone. */
static void test_other_signals_leave_nothing(void **state)
{
    static const int numbers[] = {SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGSEGV,
                                  SIGABRT, SIGBUS,  SIGPROF, SIGIO,   SIGPWR,  SIGSYS};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        expect_end_by(numbers[i], EXIT_TERMINATED);
    expect_end_by(SIGRTMIN, EXIT_TERMINATED);
    expect_end_by(SIGXFSZ, EXIT_DISK_FULL);
}

static int end_by(void *argument)
{
    int number = *(int *)argument;
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* a supervisor that was ended leaves them blocked */
    signal(number, SIG_DFL);
    return raise(number);
}

static void test_limits_of_the_worker(void **state)
{
    int number = SIGXCPU;

    (void)state;
    assert_int_equal(supervise(end_by, &number), EXIT_TERMINATED);
    number = SIGXFSZ;
    assert_int_equal(supervise(end_by, &number), EXIT_DISK_FULL);
}

static void count_change(void *context, bool suspends)
{
    (void)context;
    shared->changes[suspends]++;
}

/* Has the supervisor stopped, which this waits for, and continued. */
static int suspend_supervisor(void *argument)
{
    (void)argument;
    supervisor_on_suspend(count_change, NULL);
    kill(getppid(), SIGTSTP);
    while (shared->changes[false] == 0)
        usleep(1000);
    return shared->changes[true] == 1 ? EXIT_TIMEOUT : EXIT_OTHER;
}

static void test_suspension(void **state)
{
    int status;

    (void)state;
    shared->changes[false] = shared->changes[true] = 0;
    pid_t supervisor = fork();

    if (supervisor == 0)
        _exit(supervise(suspend_supervisor, NULL));
    assert_int_equal(waitpid(supervisor, &status, WUNTRACED), supervisor);
    assert_true(WIFSTOPPED(status));
    usleep(100000);
    assert_int_equal(shared->changes[true], 1);
    assert_int_equal(shared->changes[false], 0);
    assert_int_equal(kill(supervisor, SIGCONT), 0);
    assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_TIMEOUT);
}

static void change_slowly(void *context, bool suspends)
{
    count_change(context, suspends);
    if (suspends)
        usleep(2500000);
}

static int suspend_slowly(void *argument)
{
    (void)argument;
    supervisor_on_suspend(change_slowly, NULL);
    kill(getppid(), SIGTSTP);
    while (shared->changes[false] == 0)
        usleep(1000);
    return EXIT_TIMEOUT;
}

/* The supervisor does not wait for the worker, which is continued before it has stopped itself. */
static void test_late_suspension(void **state)
{
    int status;

    (void)state;
    shared->changes[false] = shared->changes[true] = 0;
    pid_t supervisor = fork();

    if (supervisor == 0) {
        alarm(300);
        _exit(supervise(suspend_slowly, NULL));
    }
    assert_int_equal(waitpid(supervisor, &status, WUNTRACED), supervisor);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(kill(supervisor, SIGCONT), 0);
    assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_TIMEOUT);
}

static int kill_itself(void *argument)
{
    (void)argument;
    return raise(SIGKILL);
}

static void test_killed_worker_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(supervise(kill_itself, NULL), EXIT_OTHER);
}

/* Leaves a process in a separate session behind, as an agent does that a helper starts. */
static int start_agent(void *argument)
{
    (void)argument;
    pid_t agent = fork();

    if (agent == 0) {
        setsid();
        shared->grandchild = getpid();
        for (;;)
            pause();
    }
    while (agent > 0 && shared->grandchild != agent)
        usleep(1000);
    return agent > 0 ? EXIT_DONE : EXIT_OTHER;
}

static void test_agents_are_left_alone(void **state)
{
    (void)state;
    shared->grandchild = 0;
    alarm(300); /* a wait for it would never end */
    assert_int_equal(supervise(start_agent, NULL), EXIT_DONE);
    alarm(0);
    assert_int_equal(kill(shared->grandchild, SIGKILL), 0);
    assert_int_equal(waitpid(shared->grandchild, NULL, 0), shared->grandchild);
}

static int hang_up(void *argument)
{
    (void)argument;
    return kill(getppid(), SIGHUP) == 0 ? EXIT_TIMEOUT : EXIT_OTHER;
}

static void test_nohup_is_honoured(void **state)
{
    (void)state;
    signal(SIGHUP, SIG_IGN);
    assert_int_equal(supervise(hang_up, NULL), EXIT_TIMEOUT);
    signal(SIGHUP, SIG_DFL);
}

static int set_up(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED || temporary_setup() != NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_is_passed_on),
        cmocka_unit_test(test_work_is_run_again),
        cmocka_unit_test(test_interrupt_leaves_nothing),
        cmocka_unit_test(test_terminate_leaves_nothing),
        cmocka_unit_test(test_other_signals_leave_nothing),
        cmocka_unit_test(test_limits_of_the_worker),
        cmocka_unit_test(test_suspension),
        cmocka_unit_test(test_late_suspension),
        cmocka_unit_test(test_killed_worker_is_an_error),
        cmocka_unit_test(test_agents_are_left_alone),
        cmocka_unit_test(test_nohup_is_honoured),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
