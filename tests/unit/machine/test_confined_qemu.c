/* What QEMU may open, as its command line has it; and what a process that is confined so can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/memory.h"
#include "host/machine/confined_qemu.h"

static char folder[] = "/tmp/test_confined_qemu.XXXXXX";

/* Listens at a path with a comma and a blank in it. Returns the descriptor, and the path as QEMU's
 * options have it, which the caller frees. */
static int listen_at(const char *name, char **ret_quoted)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/a, %s", folder, name);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    *ret_quoted = xasprintf("%s/a,, %s", folder, name);
    return fd;
}

/* Whether the argument is PREFIX, a descriptor that is a connected socket, and SUFFIX. */
static bool has_descriptor(const char *argument, const char *prefix, const char *suffix)
{
    char *end = NULL;
    struct sockaddr_un peer;
    socklen_t size = sizeof peer;

    if (strncmp(argument, prefix, strlen(prefix)) != 0)
        return false;
    int fd = (int)strtol(argument + strlen(prefix), &end, 10);
    bool connected = getpeername(fd, (struct sockaddr *)&peer, &size) == 0;

    close(fd);
    return connected && strcmp(end, suffix) == 0;
}

/* LIST is what EXPECTED has, which NULL ends. */
static void assert_list(const struct strings *list, const char *const *expected)
{
    size_t count = 0;

    for (; expected[count] != NULL; count++) {
        assert_true(count < list->count);
        assert_string_equal(list->items[count], expected[count]);
    }
    assert_int_equal(list->count, count);
}

static void test_files(void **state)
{
    char *argv[] = {"qemu-system", "-no-reboot",
                    "-machine",    "accel=tcg",
                    "-kernel",     "/k",
                    "-initrd",     "/i",
                    "-bios",       "/b",
                    "-drive",      "file=/dev/null,cache=writeback,id=hd0",
                    "-drive",      "if=none,readonly=on,file.driver=file,file.filename=/base,,1",
                    "-drive",      "if=none,cache=unsafe,file.filename=/scratch",
                    "-fsdev",      "local,id=share0,path=/sha,,re,readonly=on",
                    "-append",     "-x file=/no",
                    NULL};
    const char *const read[] = {"/k", "/i", "/b", "/base,1", "/sha,re", NULL};
    const char *const write[] = {"/dev/null", "/scratch", NULL};
    struct confined_qemu_plan plan;

    (void)state;
    confined_qemu_plan(argv, &plan);
    assert_list(&plan.read, read);
    assert_list(&plan.write, write);
    assert_list(&plan.arguments, (const char *const *)argv);
    assert_false(plan.kvm);
    confined_qemu_plan_free(&plan);
}

/* As libguestfs gives it on a host for arm64. */
static void test_no_uefi(void **state)
{
    char *argv[] = {"qemu-system",
                    "-drive",
                    "if=pflash,format=raw,file=/usr/share/AAVMF/AAVMF_CODE.fd,readonly=on",
                    "-drive",
                    "if=pflash,format=raw,file=/tmp/vars",
                    "-drive",
                    "if=none,file.filename=/if=pflash",
                    NULL};
    const char *const nothing[] = {NULL}, *const write[] = {"/if=pflash", NULL};
    const char *const left[] = {"qemu-system", "-drive", "if=none,file.filename=/if=pflash", NULL};
    struct confined_qemu_plan plan;

    (void)state;
    confined_qemu_plan(argv, &plan);
    assert_list(&plan.read, nothing);
    assert_list(&plan.write, write);
    assert_list(&plan.arguments, left);
    confined_qemu_plan_free(&plan);
}

/* Even with its own network stack, QEMU would have no more than this. */
static void test_kvm_and_network(void **state)
{
    char *argv[] = {"qemu-system", "-machine", "accel=kvm:tcg", "-netdev", "user,id=network", NULL};
    const char *const nothing[] = {NULL};
    struct confined_qemu_plan plan;

    (void)state;
    confined_qemu_plan(argv, &plan);
    assert_true(plan.kvm);
    assert_list(&plan.read, nothing);
    assert_list(&plan.write, nothing);
    confined_qemu_plan_free(&plan);
}

static void test_sockets(void **state)
{
    char *output, *network;
    int first = listen_at("output", &output), second = listen_at("network", &network);
    char *chardev = xasprintf("socket,path=%s,id=channel0", output);
    char *netdev = xasprintf("stream,id=n,server=off,addr.type=unix,addr.path=%s", network);
    char *drive =
        xasprintf("id=base,file.driver=nbd,file.server.type=unix,file.server.path=%s,x=y", network);
    char *argv[] = {"qemu-system",
                    "-chardev",
                    chardev,
                    "-netdev",
                    netdev,
                    "-chardev",
                    "socket,id=none,path=/nowhere",
                    "-drive",
                    drive,
                    NULL};
    struct confined_qemu_plan plan;

    (void)state;
    confined_qemu_plan(argv, &plan);
    assert_true(has_descriptor(plan.arguments.items[2], "socket,fd=", ",id=channel0"));
    assert_true(has_descriptor(plan.arguments.items[4],
                               "stream,id=n,server=off,addr.type=fd,addr.str=", ""));
    assert_string_equal(plan.arguments.items[6], "socket,id=none,path=/nowhere");
    assert_true(
        has_descriptor(plan.arguments.items[8],
                       "id=base,file.driver=nbd,file.server.type=fd,file.server.str=", ",x=y"));
    assert_int_equal(plan.read.count, 0);
    assert_int_equal(plan.write.count, 0);
    confined_qemu_plan_free(&plan);
    free(chardev);
    free(netdev);
    free(drive);
    free(output);
    free(network);
    close(first);
    close(second);
}

static void test_name(void **state)
{
    (void)state;
    assert_true(confined_qemu_is_asked("/run/x/qemu-system"));
    assert_false(confined_qemu_is_asked("qemu-system")); /* nothing lies beside it */
    assert_false(confined_qemu_is_asked("/usr/bin/qemu-system-x86_64"));
    assert_false(confined_qemu_is_asked("/usr/bin/vmbuild"));
    assert_false(confined_qemu_is_asked(NULL));
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state)
{
    char *command = xasprintf("rm -r '%s'", folder);
    int status = system(command);

    (void)state;
    free(command);
    return status;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_no_uefi),
        cmocka_unit_test(test_kvm_and_network),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_name),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
