/* Looking for devices that the host gives the guest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/lib/device.h"
#include "guest/lib/fault.h"

/* What is not there is an error in the end, though no event of the kernel tells so. */
static void test_an_absent_device_is_an_error(void **state)
{
    struct fault fault = {0};

    (void)state;
    alarm(60);
    assert_int_equal(device_open_port("org.vmbuild.absent", &fault), -1);
    assert_int_equal(fault.code, ENODEV);
    assert_string_equal(fault.text, "find the device 'org.vmbuild.absent': No such device");
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_absent_device_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
