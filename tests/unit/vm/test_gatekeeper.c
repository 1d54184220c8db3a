/* The gatekeeper, with this test in QEMU's place. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/contract.h"
#include "host/vm/gatekeeper.h"
#include "tests/unit/folder.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

static struct gatekeeper *gatekeeper;
static int state_file;
static atomic_int ended;
static int gate, monitor;

static void end_qemu(void *context)
{
    (void)context;
    atomic_fetch_add(&ended, 1);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strcpy(address.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void start(enum gatekeeper_task task, bool more_devices)
{
    state_file = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct gatekeeper_plan plan = {
        .task = task, .more_devices = more_devices, .state = state_file, .end = end_qemu};

    ended = 0;
    assert_null(gatekeeper_start(folder, &plan, &gatekeeper));
    gate = connect_to(gatekeeper_gate(gatekeeper));
    if (task == GATEKEEPER_BOOT)
        assert_null(gatekeeper_monitor(gatekeeper));
    else
        monitor = connect_to(gatekeeper_monitor(gatekeeper));
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Reads a command line, which has to contain TEXT. Returns the descriptor that came with it; -1
 * if none did. */
static int expect_command(const char *text)
{
    char line[1024] = "";

    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec vector = {.iov_base = line, .iov_len = sizeof line - 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.room};

    assert_true(recvmsg(monitor, &message, 0) > 0);
    assert_non_null(strstr(line, text));
    assert_non_null(strchr(line, '\n'));
    int fd = -1;

    if (message.msg_controllen > 0)
        memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    return fd;
}

static void obey(const char *text)
{
    assert_int_equal(expect_command(text), -1);
    say(monitor, "{\"return\": {}}\r\n");
}

static void greet(void)
{
    say(monitor, GREETING);
    obey("\"qmp_capabilities\"");
}

/* Returns the file. */
static int take_file(void)
{
    int fd = expect_command("\"getfd\"");

    assert_true(fd >= 0);
    say(monitor, "{\"return\": {}}\r\n");
    return fd;
}

static void hang_up(bool with_monitor)
{
    close(gate);
    if (with_monitor)
        close(monitor);
    close(state_file);
}

static void expect_key(unsigned char *key)
{
    assert_int_equal(recv(gate, key, GUEST_GATE_SIZE, MSG_WAITALL), GUEST_GATE_SIZE);
}

static void expect_error(const char *message)
{
    struct error *err = gatekeeper_finish(gatekeeper);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_string_equal(err->message, message);
    assert_int_equal(ended, 1);
    error_free(err);
}

static void test_each_boot_gets_other_randomness(void **state)
{
    unsigned char keys[2][GUEST_GATE_SIZE];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        start(GATEKEEPER_BOOT, false);
        expect_key(keys[i]);
        assert_int_equal(keys[i][GUEST_GATE_SEED], 0);
        assert_null(gatekeeper_finish(gatekeeper));
        assert_int_equal(ended, 0);
        hang_up(false);
    }
    assert_memory_not_equal(keys[0], keys[1], GUEST_GATE_SEED);
}

static void test_resume(void **state)
{
    unsigned char key[GUEST_GATE_SIZE];

    (void)state;
    start(GATEKEEPER_RESUME, true);
    greet();
    close(take_file());
    obey("\"migrate-incoming\"");
    expect_command("\"query-status\"");
    say(monitor, "{\"event\": \"MIGRATION\"}\r\n{\"return\": {\"status\": \"inmigrate\"}}\r\n");
    expect_command("\"query-status\"");
    /* In two pieces. */
    say(monitor, "{\"return\": {\"sta");
    say(monitor, "tus\": \"paused\"}}\r\n");
    obey("\"cont\"");
    expect_key(key);
    assert_int_equal(key[GUEST_GATE_SEED], 1);
    assert_null(gatekeeper_finish(gatekeeper));
    assert_int_equal(ended, 0);
    hang_up(true);
}

/* The least that a state can be, or no state. */
static void write_state(int fd, bool whole)
{
    static const char state[] = "QEVM\0\0\0\x03"
                                "\x01\0\0\0\x02\x03ram\0\0\0\0\0\0\0\x04"
                                "\0\0\0\0\0\0\0\x10\x7e\0\0\0\x02"
                                "\x04\0\0\0\x03";

    obey("\"uri\":\"fd:");
    if (whole)
        assert_int_equal(write(fd, state, sizeof state - 1), sizeof state - 1);
    close(fd);
}

/* Takes a save to the point where QEMU has written the state. */
static void save_state(bool whole)
{
    start(GATEKEEPER_SAVE, false);
    say(gate, GUEST_GATE_HERE);
    greet();
    obey("\"stop\"");
    obey("\"max-bandwidth\"");
    write_state(take_file(), whole);
}

static void test_save(void **state)
{
    (void)state;
    save_state(true);
    expect_command("\"query-migrate\"");
    say(monitor, "{\"return\": {\"status\": \"active\"}}\r\n");
    expect_command("\"query-migrate\"");
    say(monitor, "{\"return\": {\"status\": \"completed\"}}\r\n");
    assert_null(gatekeeper_finish(gatekeeper));
    assert_int_equal(ended, 1);
    hang_up(true);
}

static void test_failed_save_is_an_error(void **state)
{
    (void)state;
    save_state(true);
    expect_command("\"query-migrate\"");
    say(monitor, "{\"return\": {\"status\": \"failed\"}}\r\n");
    expect_error("wait for QEMU: its status is 'failed', not 'completed'");
    hang_up(true);
}

static void test_state_of_unknown_form_is_an_error(void **state)
{
    (void)state;
    save_state(false);
    struct error *err = gatekeeper_finish(gatekeeper);

    assert_non_null(err);
    assert_string_equal(err->message, "read QEMU's state: unknown format");
    assert_int_equal(ended, 1);
    error_free(err);
    hang_up(true);
}

static void test_words_of_qemu_are_kept(void **state)
{
    (void)state;
    start(GATEKEEPER_RESUME, true);
    greet();
    expect_command("\"getfd\"");
    say(monitor, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}}\r\n");
    expect_error("execute 'getfd' in QEMU: no such thing");
    hang_up(true);
}

static void test_what_is_no_monitor_is_an_error(void **state)
{
    (void)state;
    start(GATEKEEPER_RESUME, true);
    say(monitor, "{\"hello\": 1}\r\n");
    expect_error("open QEMU's monitor: no greeting");
    hang_up(true);
}

static void test_end_of_qemu_is_an_error(void **state)
{
    (void)state;
    start(GATEKEEPER_RESUME, true);
    greet();
    close(take_file());
    hang_up(true);
    struct error *err = gatekeeper_finish(gatekeeper);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_int_equal(ended, 1);
    error_free(err);
}

static void test_qemu_that_never_comes_is_not_waited_for(void **state)
{
    const struct gatekeeper_plan plan = {.task = GATEKEEPER_RESUME, .state = -1, .end = end_qemu};

    (void)state;
    ended = 0;
    assert_null(gatekeeper_start(folder, &plan, &gatekeeper));
    expect_error("wait for the guest's gate: QEMU has ended");
}

static void test_path_that_is_too_long_is_refused(void **state)
{
    char path[200] = "/tmp/";
    const struct gatekeeper_plan plan = {.task = GATEKEEPER_BOOT, .end = end_qemu};

    (void)state;
    memset(path + 5, 'x', sizeof path - 6);
    struct error *err = gatekeeper_start(path, &plan, &gatekeeper);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_OTHER);
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_boot_gets_other_randomness),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_save),
        cmocka_unit_test(test_failed_save_is_an_error),
        cmocka_unit_test(test_state_of_unknown_form_is_an_error),
        cmocka_unit_test(test_words_of_qemu_are_kept),
        cmocka_unit_test(test_what_is_no_monitor_is_an_error),
        cmocka_unit_test(test_end_of_qemu_is_an_error),
        cmocka_unit_test(test_qemu_that_never_comes_is_not_waited_for),
        cmocka_unit_test(test_path_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_empty_folder);
}
