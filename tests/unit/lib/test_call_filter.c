/* Filters of system calls, each under test in a process of its own. */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/call_filter.h"

static bool is_refused(long result)
{
    return result < 0 && errno == EPERM;
}

/* With a namespace of users of its own a process has all capabilities in it, and reaches more of
 * the kernel. The second call is that of newer libraries, whose arguments no filter can read. */
static bool refuses_namespaces(void)
{
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};

    return is_refused(syscall(SYS_unshare, CLONE_NEWUSER)) &&
           is_refused(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL)) &&
           syscall(SYS_clone3, &arguments, sizeof arguments) < 0 && errno == ENOSYS;
}

static bool refuses_always(void)
{
    return refuses_namespaces() && is_refused(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600)) &&
           is_refused(syscall(SYS_ptrace, 0, 0, 0, 0)) &&
           syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == ENOSYS;
}

static bool refuses_nothing_more(void)
{
    return refuses_always() && socket(AF_UNIX, SOCK_STREAM, 0) >= 0 && setpgid(0, 0) == 0;
}

static bool refuses_sockets(void)
{
    int ends[2];

    return refuses_always() && is_refused(socket(AF_INET, SOCK_STREAM, 0)) &&
           is_refused(socket(AF_UNIX, SOCK_DGRAM, 0)) &&
           socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 &&
           is_refused(connect(ends[0], NULL, 0)) && is_refused(bind(ends[0], NULL, 0));
}

/* The kernel takes only half of a register as the family. */
static bool refuses_other_families(void)
{
    return refuses_always() && socket(AF_INET, SOCK_DGRAM, 0) >= 0 &&
           is_refused(socket(AF_UNIX, SOCK_STREAM, 0)) &&
           is_refused(syscall(SYS_socket, (1UL << 32) | AF_UNIX, SOCK_STREAM, 0)) &&
           is_refused(socket(AF_NETLINK, SOCK_RAW, 0));
}

static bool refuses_signals(void)
{
    return refuses_always() && is_refused(kill(getppid(), 0)) && kill(getpid(), 0) == 0 &&
           raise(0) == 0 && is_refused(kill(0, 0)) && is_refused(kill(-1, 0));
}

static bool refuses_metadata(void)
{
    return refuses_always() && is_refused(chmod("/nowhere", 0)) &&
           is_refused(chown("/nowhere", 0, 0)) && is_refused(fchmod(-1, 0));
}

static bool refuses_outliving(void)
{
    return refuses_always() && is_refused(prctl(PR_SET_PDEATHSIG, 0)) && is_refused(setsid()) &&
           is_refused(setpgid(0, 0)) && prctl(PR_GET_DUMPABLE) >= 0;
}

/* Runs TRIAL in a child under a filter that refuses EXTENT. */
static bool holds(unsigned int extent, bool (*trial)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(call_filter_enforce(extent, false) && trial() ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status == 0;
}

static void test_extents(void **state)
{
    (void)state;
    if (!call_filter_is_offered())
        skip();
    assert_true(holds(0, refuses_nothing_more));
    assert_true(holds(CALL_FILTER_SOCKETS, refuses_sockets));
    assert_true(holds(CALL_FILTER_NOT_IPV4, refuses_other_families));
    assert_true(holds(CALL_FILTER_SIGNALS, refuses_signals));
    assert_true(holds(CALL_FILTER_METADATA, refuses_metadata));
    assert_true(holds(CALL_FILTER_OUTLIVING, refuses_outliving));
}

static void *make_socket(void *argument)
{
    int *ends = argument;
    char byte;

    if (read(ends[0], &byte, 1) != 1)
        _exit(2);
    return is_refused(socket(AF_UNIX, SOCK_STREAM, 0)) ? argument : NULL;
}

/* In a process that has another thread. */
static bool reaches_threads(void)
{
    int ends[2];
    pthread_t thread;
    void *refused = NULL;

    return pipe(ends) == 0 && pthread_create(&thread, NULL, make_socket, ends) == 0 &&
           call_filter_enforce(CALL_FILTER_SOCKETS, true) && write(ends[1], "x", 1) == 1 &&
           pthread_join(thread, &refused) == 0 && refused != NULL;
}

static void test_all_threads(void **state)
{
    int status = 0;

    (void)state;
    if (!call_filter_is_offered())
        skip();
    pid_t child = fork();

    if (child == 0)
        _exit(reaches_threads() ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extents),
        cmocka_unit_test(test_all_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
