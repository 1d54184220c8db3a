/* The watch over QEMU, with this test in QEMU's place. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/vm/qemu_watch.h"
#include "tests/unit/folder.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define FAULT(operation, full, action, reason)                                                     \
    "{\"event\": \"BLOCK_IO_ERROR\", \"data\": {\"device\": \"scratch\", \"nospace\": " full       \
    ", \"operation\": \"" operation "\", \"action\": \"" action "\", \"reason\": \"" reason        \
    "\"}}\r\n"

static struct qemu_watch *watch;
static sem_t ended;
static int monitor;

static void end_qemu(void *context)
{
    (void)context;
    sem_post(&ended);
}

static void say(const char *text)
{
    assert_int_equal(write(monitor, text, strlen(text)), strlen(text));
}

static void expect_command(const char *text)
{
    char line[1024] = "";

    assert_true(recv(monitor, line, sizeof line - 1, 0) > 0);
    assert_non_null(strstr(line, text));
}

static void start(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    sem_init(&ended, 0, 0);
    assert_null(qemu_watch_start(folder, end_qemu, NULL, &watch));
    monitor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, qemu_watch_socket(watch));
    assert_int_equal(connect(monitor, (struct sockaddr *)&address, sizeof address), 0);
    say(GREETING);
    expect_command("\"qmp_capabilities\"");
    say("{\"return\": {}}\r\n");
    expect_command("\"query-block\"");
}

static void finish(void)
{
    qemu_watch_free(watch);
    close(monitor);
    sem_destroy(&ended);
}

/* The fault that ends QEMU. */
static struct qemu_fault await_fault(void)
{
    struct qemu_fault fault = {0};

    sem_wait(&ended);
    assert_true(qemu_watch_fault(watch, &fault));
    return fault;
}

static void expect_full(const char *reason, const char *nospace)
{
    CLEANUP(freep)
    char *event = xasprintf("{\"event\": \"BLOCK_IO_ERROR\", \"data\": {\"device\": \"newbase\", "
                            "\"operation\": \"write\", \"action\": \"stop\", \"nospace\": %s, "
                            "\"reason\": \"%s\"}}\r\n",
                            nospace, reason);

    start();
    say("{\"return\": []}\r\n");
    say(event);
    struct qemu_fault fault = await_fault();

    assert_string_equal(fault.disk, "newbase");
    assert_string_equal(fault.reason, reason);
    assert_true(fault.is_write && fault.is_full);
    finish();
}

static void test_full_disk_quota_and_limit(void **state)
{
    (void)state;
    expect_full("No space left on device", "true");
    expect_full("Disk quota exceeded", "false");
    expect_full("File too large", "false");
}

static void test_other_faults_are_no_full_disk(void **state)
{
    (void)state;
    start();
    say("{\"return\": []}\r\n" FAULT("write", "false", "stop", "Input/output error"));
    assert_false(await_fault().is_full);
    finish();
    start();
    say("{\"return\": []}\r\n" FAULT("read", "false", "stop", "Input/output error"));
    struct qemu_fault fault = await_fault();

    assert_false(fault.is_full || fault.is_write);
    finish();
}

static void test_fault_before_the_watch_is_found(void **state)
{
    (void)state;
    start();
    say("{\"return\": [{\"device\": \"scratch\", \"io-status\": \"ok\"}, "
        "{\"device\": \"base\"}, {\"device\": \"newbase\", \"io-status\": \"nospace\"}]}\r\n");
    struct qemu_fault fault = await_fault();

    assert_string_equal(fault.disk, "newbase");
    assert_true(fault.is_full);
    finish();
}

static void test_what_does_not_stop_the_machine_is_no_fault(void **state)
{
    (void)state;
    start();
    say("{\"return\": []}\r\n{\"event\": \"STOP\"}\r\n"
        "{\"event\": \"BLOCK_IO_ERROR\"}\r\n" FAULT("write", "true", "report", "reported"));
    say(FAULT("write", "true", "stop", "stopped"));
    assert_string_equal(await_fault().reason, "stopped");
    finish();
}

/* It is ended, but not for a fault of a disk. */
static void expect_end(void)
{
    struct qemu_fault fault;

    sem_wait(&ended);
    assert_false(qemu_watch_fault(watch, &fault));
}

static void test_kvm_that_fails(void **state)
{
    (void)state;
    start();
    say("{\"return\": []}\r\n");
    expect_command("\"query-status\"");
    say("{\"return\": {\"status\": \"running\"}}\r\n{\"event\": \"STOP\"}\r\n");
    expect_command("\"query-status\"");
    say("{\"return\": {\"status\": \"internal-error\"}}\r\n");
    expect_end();
    finish();
}

static void test_kvm_that_failed_before_the_watch_is_found(void **state)
{
    (void)state;
    start();
    say("{\"return\": []}\r\n");
    expect_command("\"query-status\"");
    say("{\"return\": {\"status\": \"internal-error\"}}\r\n");
    expect_end();
    finish();
}

static void *obey(void *argument)
{
    (void)argument;
    expect_command("\"stop\"");
    /* The state is no reply to the command. */
    say("{\"return\": {\"status\": \"running\"}}\r\n{\"event\": \"STOP\"}\r\n");
    expect_command("\"query-status\"");
    say("{\"return\": {}}\r\n{\"return\": {\"status\": \"paused\"}}\r\n");
    expect_command("\"cont\"");
    say("{\"event\": \"RESUME\"}\r\n{\"return\": {}}\r\n");
    sem_post(&ended);
    return NULL;
}

static void test_pause_and_continue(void **state)
{
    pthread_t thread;

    (void)state;
    start();
    qemu_watch_pause(watch); /* too early, which is not an error */
    say("{\"return\": []}\r\n");
    expect_command("\"query-status\"");
    assert_int_equal(pthread_create(&thread, NULL, obey, NULL), 0);
    while (!qemu_watch_pause(watch))
        usleep(1000);
    assert_true(qemu_watch_continue(watch));
    sem_wait(&ended);
    pthread_join(thread, NULL);
    finish();
}

static void test_qemu_that_never_comes_is_not_waited_for(void **state)
{
    struct qemu_fault fault;

    (void)state;
    assert_null(qemu_watch_start(folder, end_qemu, NULL, &watch));
    qemu_watch_pause(watch);
    assert_false(qemu_watch_fault(watch, &fault));
    qemu_watch_free(watch);
    qemu_watch_free(NULL);
}

static void test_errors(void **state)
{
    struct qemu_fault fault = {
        .reason = "No space left on device", .is_write = true, .is_full = true};

    (void)state;
    struct error *err = qemu_fault_error(&fault, "run script 'x'", "/");

    assert_int_equal(err->code, EXIT_DISK_FULL);
    assert_non_null(strstr(err->message, "run script 'x': the host failed to write the VM's disk "
                                         "'/': No space left on device; the file system mounted "
                                         "on '/' has "));
    assert_non_null(strstr(err->advice, "TMPDIR"));
    error_free(err);
    strcpy(fault.reason, "File too large");
    err = qemu_fault_error(&fault, "run script 'x'", "/");
    assert_int_equal(err->code, EXIT_DISK_FULL);
    assert_non_null(strstr(err->advice, "ulimit -f"));
    error_free(err);
    fault = (struct qemu_fault){.reason = "Input/output error"};
    err = qemu_fault_error(&fault, "mount the base image", "/");
    assert_int_equal(err->code, EXIT_OTHER);
    assert_string_equal(err->message, "mount the base image: the host failed to read the VM's disk "
                                      "'/': Input/output error");
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disk_quota_and_limit),
        cmocka_unit_test(test_other_faults_are_no_full_disk),
        cmocka_unit_test(test_fault_before_the_watch_is_found),
        cmocka_unit_test(test_what_does_not_stop_the_machine_is_no_fault),
        cmocka_unit_test(test_kvm_that_fails),
        cmocka_unit_test(test_kvm_that_failed_before_the_watch_is_found),
        cmocka_unit_test(test_pause_and_continue),
        cmocka_unit_test(test_qemu_that_never_comes_is_not_waited_for),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_empty_folder);
}
