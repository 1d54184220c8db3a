/* The attendant, with this test in QEMU's place. */
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
#include "host/attendant.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

static char folder[] = "/tmp/vmbuild-test-XXXXXX";
static struct attendant *attendant;
static int state_file;
static atomic_int ended;
static int gate, monitor;

static void end_qemu(void *context)
{
    (void)context;
    atomic_fetch_add(&ended, 1);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

/* Fails where the attendant has left a socket behind. */
static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
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

static void start(enum attendant_task task)
{
    state_file = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct attendant_plan plan = {.task = task, .state = state_file, .end = end_qemu};

    ended = 0;
    assert_null(attendant_start(folder, &plan, &attendant));
    gate = connect_to(attendant_gate(attendant));
    if (task == ATTENDANT_BOOT)
        assert_null(attendant_monitor(attendant));
    else
        monitor = connect_to(attendant_monitor(attendant));
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Reads a command line, which has to contain TEXT. Return: whether a descriptor came with it. */
static bool expect_command(const char *text)
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
    bool came = message.msg_controllen > 0;
    if (came) {
        int fd;

        memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
        close(fd);
    }
    return came;
}

static void obey(const char *text)
{
    assert_false(expect_command(text));
    say(monitor, "{\"return\": {}}\r\n");
}

static void greet(void)
{
    say(monitor, GREETING);
    obey("\"qmp_capabilities\"");
}

static void take_file(void)
{
    assert_true(expect_command("\"getfd\""));
    say(monitor, "{\"return\": {}}\r\n");
}

static void hang_up(bool with_monitor)
{
    close(gate);
    if (with_monitor)
        close(monitor);
    close(state_file);
}

static void expect_seed(unsigned char *seed)
{
    assert_int_equal(recv(gate, seed, GUEST_GATE_SEED, MSG_WAITALL), GUEST_GATE_SEED);
}

static void expect_error(const char *message)
{
    struct error *err = attendant_finish(attendant);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_string_equal(err->message, message);
    assert_int_equal(ended, 1);
    error_free(err);
}

static void test_each_boot_gets_other_randomness(void **state)
{
    unsigned char seeds[2][GUEST_GATE_SEED];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        start(ATTENDANT_BOOT);
        expect_seed(seeds[i]);
        assert_null(attendant_finish(attendant));
        assert_int_equal(ended, 0);
        hang_up(false);
    }
    assert_memory_not_equal(seeds[0], seeds[1], GUEST_GATE_SEED);
}

static void test_resume(void **state)
{
    unsigned char seed[GUEST_GATE_SEED];

    (void)state;
    start(ATTENDANT_RESUME);
    greet();
    take_file();
    obey("\"migrate-incoming\"");
    expect_command("\"query-status\"");
    say(monitor, "{\"event\": \"MIGRATION\"}\r\n{\"return\": {\"status\": \"inmigrate\"}}\r\n");
    expect_command("\"query-status\"");
    /* In two pieces. */
    say(monitor, "{\"return\": {\"sta");
    say(monitor, "tus\": \"paused\"}}\r\n");
    obey("\"cont\"");
    expect_seed(seed);
    assert_null(attendant_finish(attendant));
    assert_int_equal(ended, 0);
    hang_up(true);
}

static void test_save(void **state)
{
    (void)state;
    start(ATTENDANT_SAVE);
    say(gate, GUEST_GATE_HERE);
    greet();
    obey("\"stop\"");
    obey("\"max-bandwidth\"");
    take_file();
    obey("\"uri\":\"fd:");
    expect_command("\"query-migrate\"");
    say(monitor, "{\"return\": {\"status\": \"active\"}}\r\n");
    expect_command("\"query-migrate\"");
    say(monitor, "{\"return\": {\"status\": \"completed\"}}\r\n");
    assert_null(attendant_finish(attendant));
    assert_int_equal(ended, 1);
    hang_up(true);
}

static void test_failed_save_is_an_error(void **state)
{
    (void)state;
    start(ATTENDANT_SAVE);
    say(gate, GUEST_GATE_HERE);
    greet();
    obey("\"stop\"");
    obey("\"max-bandwidth\"");
    take_file();
    obey("\"migrate\"");
    expect_command("\"query-migrate\"");
    say(monitor, "{\"return\": {\"status\": \"failed\"}}\r\n");
    expect_error("wait for QEMU: it says 'failed', not 'completed'");
    hang_up(true);
}

static void test_words_of_qemu_are_kept(void **state)
{
    (void)state;
    start(ATTENDANT_RESUME);
    greet();
    expect_command("\"getfd\"");
    say(monitor, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}}\r\n");
    expect_error("have QEMU carry out 'getfd': no such thing");
    hang_up(true);
}

static void test_what_is_no_monitor_is_an_error(void **state)
{
    (void)state;
    start(ATTENDANT_RESUME);
    say(monitor, "{\"hello\": 1}\r\n");
    expect_error("open QEMU's monitor: it does not greet");
    hang_up(true);
}

static void test_end_of_qemu_is_an_error(void **state)
{
    (void)state;
    start(ATTENDANT_RESUME);
    greet();
    take_file();
    hang_up(true);
    struct error *err = attendant_finish(attendant);
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_int_equal(ended, 1);
    error_free(err);
}

static void test_qemu_that_never_comes_is_not_waited_for(void **state)
{
    const struct attendant_plan plan = {.task = ATTENDANT_RESUME, .state = -1, .end = end_qemu};

    (void)state;
    ended = 0;
    assert_null(attendant_start(folder, &plan, &attendant));
    expect_error("wait for the guest's gate: QEMU has ended");
}

static void test_path_that_is_too_long_is_refused(void **state)
{
    char path[200] = "/tmp/";
    const struct attendant_plan plan = {.task = ATTENDANT_BOOT, .end = end_qemu};

    (void)state;
    memset(path + 5, 'x', sizeof path - 6);
    struct error *err = attendant_start(path, &plan, &attendant);
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
        cmocka_unit_test(test_words_of_qemu_are_kept),
        cmocka_unit_test(test_what_is_no_monitor_is_an_error),
        cmocka_unit_test(test_end_of_qemu_is_an_error),
        cmocka_unit_test(test_qemu_that_never_comes_is_not_waited_for),
        cmocka_unit_test(test_path_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
