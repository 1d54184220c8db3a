/* The choice of the accelerator, with devices that are not a usable KVM and with this host's. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/machine/accelerator.h"

static void expect_tcg(const char *device, const char *reason)
{
    struct accelerator_choice choice = {0};

    assert_null(accelerator_choose(ACCELERATOR_AUTO, device, NULL, &choice));
    assert_int_equal(choice.accelerator, ACCELERATOR_TCG);
    assert_non_null(choice.reason);
    assert_string_equal(choice.reason, reason);
    free(choice.reason);
}

static void test_no_device(void **state)
{
    (void)state;
    expect_tcg("/nonexistent/kvm", "/nonexistent/kvm: No such file or directory");
}

static void test_other_device(void **state)
{
    (void)state;
    expect_tcg("/dev/null", "/dev/null is not KVM, or not version 12 of its API");
}

static void test_no_permission(void **state)
{
    char path[] = "/tmp/vmbuild-test-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(chmod(path, 0), 0);
    pid_t child = fork();

    if (child == 0) {
        struct accelerator_choice choice = {0};

        /* Root may open anything. */
        if (geteuid() == 0 && setuid(65534) < 0)
            _exit(2);
        struct error *err = accelerator_choose(ACCELERATOR_AUTO, path, NULL, &choice);

        _exit(err == NULL && choice.accelerator == ACCELERATOR_TCG &&
                      strstr(choice.reason, ": Permission denied") != NULL
                  ? 0
                  : 1);
    }
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(unlink(path), 0);
}

static void test_kvm_asked_for(void **state)
{
    struct accelerator_choice choice = {0};
    struct error *err = accelerator_choose(ACCELERATOR_KVM, "/dev/null", NULL, &choice);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_VM);
    assert_string_equal(
        err->message, "start the VM under KVM: /dev/null is not KVM, or not version 12 of its API");
    assert_non_null(err->advice);
    assert_null(choice.reason);
    error_free(err);
}

static void test_tcg_asked_for(void **state)
{
    struct accelerator_choice choice = {0};

    (void)state;
    assert_null(accelerator_choose(ACCELERATOR_TCG, ACCELERATOR_KVM_DEVICE, NULL, &choice));
    assert_int_equal(choice.accelerator, ACCELERATOR_TCG);
    assert_null(choice.reason);
}

/* Whatever this host has: decided in time, and no child left. */
static void test_this_host(void **state)
{
    struct accelerator_choice choice = {0};
    struct timespec before, after;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_null(accelerator_choose(ACCELERATOR_AUTO, ACCELERATOR_KVM_DEVICE, NULL, &choice));
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 <
                ACCELERATOR_PROBE_MS + 60000); /* to start the probes on a loaded host */
    assert_true((choice.accelerator == ACCELERATOR_KVM) == (choice.reason == NULL));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    free(choice.reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_device),     cmocka_unit_test(test_other_device),
        cmocka_unit_test(test_no_permission), cmocka_unit_test(test_kvm_asked_for),
        cmocka_unit_test(test_tcg_asked_for), cmocka_unit_test(test_this_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
