/* The output port, with this test in QEMU's place. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/output_port.h"
#include "host/progress.h"

static char folder[] = "/tmp/vmbuild-test-XXXXXX";
static struct output_port *port;
static volatile pid_t connected;

static void on_connected(void *context, pid_t pid)
{
    (void)context;
    connected = pid;
}

static int make_folder(void **state)
{
    (void)state;
    progress_setup(PROGRESS_NONE, -1);
    return mkdtemp(folder) == NULL ? -1 : 0;
}

/* Fails where the port has left its socket behind. */
static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int open_port(void **state)
{
    struct error *err = output_port_open(folder, on_connected, NULL, &port);

    (void)state;
    connected = 0;
    error_free(err);
    return err == NULL ? 0 : -1;
}

static int connect_to_port(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strcpy(address.sun_path, output_port_path(port));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_bytes(int fd, size_t length)
{
    char *bytes = calloc(length, 1);

    for (size_t sent = 0; sent < length;) {
        ssize_t n = write(fd, bytes + sent, length - sent);

        assert_true(n > 0);
        sent += (size_t)n;
    }
    free(bytes);
}

static void test_counts_what_comes(void **state)
{
    int fd = connect_to_port();

    (void)state;
    send_bytes(fd, 1000000);
    assert_null(output_port_wait(port, 1000000));
    assert_int_equal(connected, getpid());
    assert_null(output_port_wait(port, 0));
    send_bytes(fd, 15);
    assert_null(output_port_wait(port, 10));
    assert_null(output_port_wait(port, 5));
    close(fd);
    output_port_close(port);
}

static void test_too_little_is_an_error(void **state)
{
    int fd = connect_to_port();

    (void)state;
    send_bytes(fd, 7);
    close(fd);
    struct error *err = output_port_wait(port, 8);
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_string_equal(err->message, "show the script's output: 7 of its 8 bytes came");
    error_free(err);
    output_port_close(port);
}

static void expect_refusal(uint64_t count)
{
    struct error *err = output_port_wait(port, count);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    error_free(err);
}

static void test_promise_beyond_all_buffers_is_an_error(void **state)
{
    int fd = connect_to_port();

    (void)state;
    send_bytes(fd, 7);
    expect_refusal(UINT64_MAX);
    close(fd);
    output_port_close(port);
}

static void *drip(void *argument)
{
    const int *fd = argument;

    while (write(*fd, "x", 1) == 1)
        usleep(100000);
    return NULL;
}

/* A guest that sends a byte now and then, and never the last one, does not keep the build
 * waiting. */
static void test_dripping_output_is_an_error(void **state)
{
    int fd = connect_to_port();
    pthread_t thread;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pthread_create(&thread, NULL, drip, &fd), 0);
    alarm(60); /* where it is waited for, that never ends */
    expect_refusal(1000000);
    alarm(0);
    shutdown(fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(fd);
    output_port_close(port);
}

static void test_nobody_connects(void **state)
{
    (void)state;
    output_port_close(port);
    assert_int_equal(connected, 0);
}

static void test_path_without_room_is_an_error(void **state)
{
    char path[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    struct output_port *none = NULL;

    (void)state;
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    struct error *err = output_port_open(path, on_connected, NULL, &none);
    assert_non_null(err);
    assert_null(none);
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_counts_what_comes, open_port),
        cmocka_unit_test_setup(test_too_little_is_an_error, open_port),
        cmocka_unit_test_setup(test_promise_beyond_all_buffers_is_an_error, open_port),
        cmocka_unit_test_setup(test_dripping_output_is_an_error, open_port),
        cmocka_unit_test_setup(test_nobody_connects, open_port),
        cmocka_unit_test(test_path_without_room_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
