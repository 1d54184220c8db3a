/* A port of the guest, with this test in QEMU's place. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/vm/guest_port.h"
#include "tests/unit/folder.h"

static struct guest_port *port;
static volatile pid_t connected;
static size_t taken; /* bytes */
static size_t room;  /* for so many */

static void on_connected(void *context, pid_t pid)
{
    (void)context;
    connected = pid;
}

static struct error *take(void *context, const void *bytes, size_t length)
{
    (void)context, (void)bytes;
    taken += length;
    return taken > room ? error_new(EXIT_DISK_FULL, "no room") : NULL;
}

static int open_port(void **state)
{
    struct error *err = guest_port_open(folder, "output", &port);

    (void)state;
    connected = 0;
    taken = 0;
    room = SIZE_MAX;
    if (err == NULL)
        err = guest_port_start(port, (struct sink){.write = take}, on_connected, NULL);
    error_free(err);
    return err == NULL ? 0 : -1;
}

static int connect_to_port(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strcpy(address.sun_path, guest_port_path(port));
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
    assert_null(guest_port_wait(port, 1000000));
    assert_int_equal(connected, getpid());
    assert_null(guest_port_wait(port, 0));
    send_bytes(fd, 15);
    assert_null(guest_port_wait(port, 10));
    assert_null(guest_port_wait(port, 5));
    close(fd);
    guest_port_close(port);
}

static void test_too_little_is_an_error(void **state)
{
    int fd = connect_to_port();

    (void)state;
    send_bytes(fd, 7);
    close(fd);
    struct error *err = guest_port_wait(port, 8);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_string_equal(err->message, "read the guest's port 'output': only 7 of 8 bytes arrived");
    error_free(err);
    guest_port_close(port);
}

static void expect_refusal(uint64_t count)
{
    struct error *err = guest_port_wait(port, count);

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
    guest_port_close(port);
}

/* Returns whether the thread TID of this process waits for something. */
static bool is_asleep(pid_t tid)
{
    char path[64], text[256] = "";

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return strstr(text, ") S ") != NULL;
}

/* What QEMU may still have of a guest that has written everything: as many writes as a ring holds,
 * and a socket full. */
#define RING_SIZE ((1024u * 32u << 10) + 212992u)

struct ring {
    int fd;
    pid_t waiter;
};

static void *empty_ring(void *argument)
{
    const struct ring *ring = argument;

    while (!is_asleep(ring->waiter))
        sched_yield();
    send_bytes(ring->fd, RING_SIZE);
    return NULL;
}

/* QEMU, for which a busy host has no time, passes everything on after the guest's reply. */
static void test_a_full_ring_is_waited_for(void **state)
{
    struct ring ring = {.fd = connect_to_port(), .waiter = gettid()};
    pthread_t thread;

    (void)state;
    send_bytes(ring.fd, 7);
    assert_int_equal(pthread_create(&thread, NULL, empty_ring, &ring), 0);
    assert_null(guest_port_wait(port, 7 + RING_SIZE));
    assert_int_equal(taken, 7 + RING_SIZE);
    pthread_join(thread, NULL);
    close(ring.fd);
    guest_port_close(port);
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
    alarm(300); /* a wait for it would never end */
    expect_refusal(1000000);
    alarm(0);
    shutdown(fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(fd);
    guest_port_close(port);
}

static void test_stop_takes_what_has_come(void **state)
{
    int fd = connect_to_port();

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    send_bytes(fd, 1000);
    assert_null(guest_port_wait(port, 1));
    send_bytes(fd, 100000);
    assert_null(guest_port_stop(port));
    assert_int_equal(taken, 101000);
    assert_int_equal(write(fd, "x", 1), -1);
    close(fd);
    guest_port_close(port);
}

static void test_pause_leaves_what_comes_later(void **state)
{
    int fd = connect_to_port();

    (void)state;
    send_bytes(fd, 1000);
    assert_null(guest_port_wait(port, 1000));
    for (size_t i = 1; i < 5; i++) {
        assert_null(guest_port_pause(port));
        send_bytes(fd, 500);
        assert_int_equal(taken, 500 + i * 500);
        assert_null(guest_port_start(port, (struct sink){.write = take}, NULL, NULL));
        assert_null(guest_port_wait(port, 500));
        assert_int_equal(taken, 1000 + i * 500);
    }
    assert_null(guest_port_pause(port));
    guest_port_close(port);
    close(fd);
}

static void test_error_of_the_sink_ends_it(void **state)
{
    int fd = connect_to_port();

    (void)state;
    room = 5;
    send_bytes(fd, 7);
    expect_refusal(8);
    struct error *err = guest_port_stop(port);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_DISK_FULL);
    error_free(err);
    close(fd);
    guest_port_close(port);
}

static void test_nobody_connects(void **state)
{
    (void)state;
    guest_port_close(port);
    assert_int_equal(connected, 0);
}

static void test_path_without_room_is_an_error(void **state)
{
    char path[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    struct guest_port *none = NULL;

    (void)state;
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    struct error *err = guest_port_open(path, "output", &none);

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
        cmocka_unit_test_setup(test_a_full_ring_is_waited_for, open_port),
        cmocka_unit_test_setup(test_dripping_output_is_an_error, open_port),
        cmocka_unit_test_setup(test_stop_takes_what_has_come, open_port),
        cmocka_unit_test_setup(test_pause_leaves_what_comes_later, open_port),
        cmocka_unit_test_setup(test_error_of_the_sink_ends_it, open_port),
        cmocka_unit_test_setup(test_nobody_connects, open_port),
        cmocka_unit_test(test_path_without_room_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_empty_folder);
}
