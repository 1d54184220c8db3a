#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/parent_death.h"

/* Starts a program from a process that is then killed. Returns the program's process. */
static pid_t start_program(bool binds)
{
    int ends[2];
    pid_t program = 0;

    assert_int_equal(pipe(ends), 0);
    pid_t middle = fork();

    if (middle == 0) {
        parent_death_bind(binds);
        program = fork();
        if (program == 0)
            execlp("sleep", "sleep", "100", (char *)NULL);
        if (write(ends[1], &program, sizeof program) != (ssize_t)sizeof program)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ends[0], &program, sizeof program), sizeof program);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(kill(middle, SIGKILL), 0);
    assert_int_equal(waitpid(middle, NULL, 0), middle);
    return program;
}

static void test_bound_child_ends(void **state)
{
    int status;

    (void)state;
    pid_t program = start_program(true);

    assert_int_equal(waitpid(program, &status, 0), program);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_others_live_on(void **state)
{
    (void)state;
    pid_t program = start_program(false);

    usleep(100000);
    assert_int_equal(waitpid(program, NULL, WNOHANG), 0);
    assert_int_equal(kill(program, SIGKILL), 0);
    assert_int_equal(waitpid(program, NULL, 0), program);
}

/* Such a child, which has not executed a program, may start others of its own. */
static void test_grandchild_is_not_bound(void **state)
{
    int status;

    (void)state;
    parent_death_bind(true);
    pid_t child = fork();

    if (child == 0) {
        pid_t grandchild = fork();

        if (grandchild == 0)
            _exit(0);
        _exit(waitpid(grandchild, &status, 0) == grandchild && WIFEXITED(status) ? 0 : 1);
    }
    parent_death_bind(false);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int set_up(void **state)
{
    (void)state;
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_child_ends),
        cmocka_unit_test(test_others_live_on),
        cmocka_unit_test(test_grandchild_is_not_bound),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
