/* What User-Mode Linux is started with: written by one process, read by another; and the answers to
 * what libguestfs asks QEMU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/error.h"
#include "host/lib/memory.h"
#include "host/machine/accelerator.h"
#include "host/machine/confined_uml.h"

/* Appends libguestfs' command line with our arguments in it, in its order: the last one first. */
static void write_line(const struct strings *arguments, struct strings *ret)
{
    static const char *const first[] = {"/run/uml-machine",
                                        "-m",
                                        "1280",
                                        "-chardev",
                                        "socket,path=/run/guestfsd.sock,id=channel0",
                                        "-chardev",
                                        "socket,path=/run/other,id=other",
                                        "-no-reboot"};

    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        strings_add(ret, first[i]);
    for (size_t i = arguments->count; i > 0; i--) {
        strings_add(ret, UML_PLAN_OPTION);
        strings_add(ret, arguments->items[i - 1]);
    }
}

static const struct uml_plan plan = {
    .kernel = "/usr/lib/vmbuild/linux = 1",
    .initramfs = "/run/initramfs",
    .folder = "/run/memory",
    .memory = 1024,
    .disks = {{"scratch", "/run/disk-scratch", false}, {"layer0", "/run/disk=0", true}},
    .disk_count = 2,
    .sockets = {[GUEST_LINE_OUTPUT] = "/run/output", [GUEST_LINE_FRAMES] = "/run/network"},
    .report = "/run/report",
    .base = "newbase",
    .base_server = "/run/base",
    .network = true};

static void test_plan(void **state)
{
    CLEANUP(strings_free) struct strings arguments = {0};
    CLEANUP(strings_free) struct strings line = {0};
    struct uml_plan got;

    (void)state;
    uml_plan_write(&plan, &arguments);
    write_line(&arguments, &line);
    assert_true(uml_plan_read(line.items, &got));
    assert_string_equal(got.kernel, plan.kernel);
    assert_string_equal(got.initramfs, plan.initramfs);
    assert_string_equal(got.folder, plan.folder);
    assert_string_equal(got.report, plan.report);
    assert_string_equal(got.base, plan.base);
    assert_string_equal(got.base_server, plan.base_server);
    assert_int_equal(got.memory, plan.memory);
    assert_true(got.network);
    assert_int_equal(got.disk_count, plan.disk_count);
    for (unsigned i = 0; i < plan.disk_count; i++) {
        assert_string_equal(got.disks[i].serial, plan.disks[i].serial);
        assert_string_equal(got.disks[i].path, plan.disks[i].path);
        assert_int_equal(got.disks[i].is_read_only, plan.disks[i].is_read_only);
    }
    assert_string_equal(got.sockets[GUEST_LINE_CHANNEL], "/run/guestfsd.sock");
    assert_string_equal(got.sockets[GUEST_LINE_OUTPUT], "/run/output");
    assert_string_equal(got.sockets[GUEST_LINE_FRAMES], "/run/network");
    assert_null(got.sockets[GUEST_LINE_GATE]);
}

static void test_wrong_arguments(void **state)
{
    static const char *const wrong[] = {"kernel", "unknown=1", "write2=scratch", "memory=none",
                                        "read3=gap=/run/disk"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CLEANUP(strings_free) struct strings arguments = {0};
        CLEANUP(strings_free) struct strings line = {0};
        struct uml_plan got;

        strings_add(&arguments, wrong[i]); /* is read last */
        uml_plan_write(&plan, &arguments);
        write_line(&arguments, &line);
        assert_false(uml_plan_read(line.items, &got));
    }
}

static void test_too_many_disks(void **state)
{
    CLEANUP(strings_free) struct strings arguments = {0};
    CLEANUP(strings_free) struct strings line = {0};
    struct uml_plan got;

    (void)state;
    uml_plan_write(&plan, &arguments);
    for (unsigned i = plan.disk_count; i <= UML_PLAN_DISKS_MAX; i++)
        strings_take(&arguments, xasprintf("read%u=layer=/run/disk", i));
    write_line(&arguments, &line);
    assert_false(uml_plan_read(line.items, &got));
}

/* Runs it with QUESTION on standard input. Returns what it prints, the caller's. */
static char *ask(char *const *argv, const char *question)
{
    int in[2], out[2], status;
    char *answer = calloc(1, 4096);

    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();

    if (child == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        _exit(confined_uml_run(argv));
    }
    close(in[0]);
    close(out[1]);
    assert_int_equal(write(in[1], question, strlen(question)), strlen(question));
    close(in[1]);
    for (size_t length = 0; length < 4095;) {
        ssize_t got = read(out[0], answer + length, 4095 - length);

        if (got <= 0)
            break;
        length += (size_t)got;
    }
    close(out[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return answer;
}

static void test_questions(void **state)
{
    char *const help[] = {"/run/uml-machine", "-display", "none", "-help", NULL};
    char *const qmp[] = {"/run/uml-machine", "-display", "none", "-qmp", "stdio", "-S", NULL};
    CLEANUP(freep) char *version = ask(help, "");
    CLEANUP(freep)
    char *kvm = ask(qmp, "{ \"execute\": \"qmp_capabilities\" }\n{ \"execute\": \"query-kvm\" }\n"
                         "{ \"execute\": \"quit\" }\n");
    CLEANUP(freep)
    char *schema = ask(qmp, "{ \"execute\": \"qmp_capabilities\" }\n"
                            "{ \"execute\": \"query-qmp-schema\" }\n{ \"execute\": \"quit\" }\n");

    (void)state;
    assert_memory_equal(version, "QEMU emulator version ", 22);
    assert_non_null(strstr(kvm, "\n{\"return\": {\"enabled\": false, \"present\": false}}\n"));
    assert_non_null(strstr(schema, "\n{\"return\": []}\n"));
}

static void test_names(void **state)
{
    (void)state;
    assert_true(confined_uml_is_asked("/run/x/uml-machine"));
    assert_false(confined_uml_is_asked("/run/x/uml-machine2"));
    assert_false(confined_uml_is_asked("uml-machine"));
    assert_false(confined_uml_is_asked(NULL));
}

/* A machine that UML cannot give is refused, or has TCG in its place. */
static void test_choice(void **state)
{
    struct accelerator_choice choice = {0};
    struct error *err = accelerator_choose(ACCELERATOR_UML, "/dev/null", "it has no x", &choice);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_string_equal(err->message, "start the VM under UML: it has no x");
    error_free(err);
    assert_null(
        accelerator_choose(ACCELERATOR_AUTO_UML, "/nonexistent/kvm", "it has no x", &choice));
    assert_int_equal(choice.accelerator, ACCELERATOR_TCG);
    assert_string_equal(choice.lack, "it has no x");
    assert_non_null(choice.reason);
    accelerator_choice_free(&choice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),           cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_too_many_disks), cmocka_unit_test(test_questions),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_choice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
