/* Transfers, with plain reads and writes in the place of libguestfs' calls. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/temporary.h"
#include "host/vm/guest_feed.h"

#define TOTAL ((size_t)5 << 20) /* more than the pipe holds */

/* The call's side. */
struct peer {
    size_t limit; /* it fails after so many bytes */
    size_t moved;
    volatile bool cancelled;
};

static int read_all(void *context, const char *path)
{
    struct peer *peer = context;
    static char bytes[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length;

    assert_true(fd >= 0);
    while (peer->moved < peer->limit && (length = read(fd, bytes, sizeof bytes)) > 0)
        peer->moved += (size_t)length;
    close(fd);
    return peer->moved >= peer->limit || peer->cancelled ? -1 : 0;
}

static int refuse(void *context, const char *path)
{
    (void)context, (void)path;
    return -1;
}

static void cancel(void *context)
{
    struct peer *peer = context;

    peer->cancelled = true;
}

/* Our side: a producer of *CONTEXT bytes. */
static struct error *produce(void *context, struct sink sink)
{
    static const char bytes[10000];

    for (size_t *left = context; *left > 0;) {
        size_t length = *left < sizeof bytes ? *left : sizeof bytes;

        TRY(sink.write(sink.context, bytes, length));
        *left -= length;
    }
    return NULL;
}

static struct error *produce_and_fail(void *context, struct sink sink)
{
    TRY(produce(context, sink));
    return error_new(EXIT_INPUT, "no more");
}

static void expect_error(struct error *err, enum exit_code code, const char *message)
{
    assert_non_null(err);
    assert_int_equal(err->code, code);
    assert_string_equal(err->message, message);
    error_free(err);
}

static void test_send(void **state)
{
    struct peer peer = {.limit = SIZE_MAX};
    const struct guest_feed feed = {.call = read_all, .cancel = cancel, .context = &peer};
    size_t total = TOTAL;
    int result = -1;

    (void)state;
    assert_null(guest_feed_send(&feed, produce, &total, &result));
    assert_int_equal(result, 0);
    assert_int_equal(peer.moved, TOTAL);
}

static void test_send_whose_producer_fails(void **state)
{
    struct peer peer = {.limit = SIZE_MAX};
    const struct guest_feed feed = {.call = read_all, .cancel = cancel, .context = &peer};
    size_t total = 100;
    int result = 0;

    (void)state;
    expect_error(guest_feed_send(&feed, produce_and_fail, &total, &result), EXIT_INPUT, "no more");
    assert_true(peer.cancelled);
}

static void test_send_that_is_refused(void **state)
{
    struct peer peer = {.limit = 100000};
    const struct guest_feed stops = {.call = read_all, .cancel = cancel, .context = &peer};
    const struct guest_feed refuses = {.call = refuse, .cancel = cancel, .context = &peer};
    size_t total = TOTAL;
    int result = 0;

    (void)state;
    assert_null(guest_feed_send(&stops, produce, &total, &result));
    assert_int_equal(result, -1);
    total = TOTAL;
    result = 0;
    assert_null(guest_feed_send(&refuses, produce, &total, &result));
    assert_int_equal(result, -1);
}

/* The producer may be done before the call has opened the pipe. */
static void test_send_of_nothing(void **state)
{
    struct peer peer = {.limit = SIZE_MAX};
    const struct guest_feed feed = {.call = read_all, .cancel = cancel, .context = &peer};
    size_t total = 0;
    int result = -1;

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_null(guest_feed_send(&feed, produce, &total, &result));
    assert_int_equal(result, 0);
    assert_int_equal(peer.moved, 0);
}

static int set_up(void **state)
{
    (void)state;
    struct error *err = temporary_setup();
    int status = err != NULL;

    error_free(err);
    return status;
}

/* Nothing is left in the run directory. */
static int tear_down(void **state)
{
    const char *run = NULL;
    struct error *err = temporary_run_folder(&run);

    (void)state;
    error_free(err);
    int status = run == NULL || rmdir(run) < 0;

    temporary_remove_all();
    return status;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_send_whose_producer_fails),
        cmocka_unit_test(test_send_that_is_refused),
        cmocka_unit_test(test_send_of_nothing),
    };

    signal(SIGPIPE, SIG_IGN); /* as the program has it */
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
