/* Copying a directory's attributes to another. Owners and trusted attributes need root. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tar/attributes.h"

/* Not in /tmp, which may be a tmpfs without user attributes. */
static char folder[] = "/var/tmp/test_guest_attributes.XXXXXX";
static int from, to;

static int make(const char *name)
{
    return mkdirat(AT_FDCWD, name, 0700) ? -1 : open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (mkdtemp(folder) == NULL || chdir(folder))
        return -1;
    from = make("from");
    to = make("to");
    return from < 0 || to < 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(from);
    close(to);
    return rmdir("from") || rmdir("to") || chdir("/") || rmdir(folder);
}

static void test_mode(void **state)
{
    struct stat status;

    (void)state;
    assert_int_equal(fchmod(from, 01751), 0);
    assert_int_equal(attributes_copy(from, to), 0);
    assert_int_equal(fstat(to, &status), 0);
    assert_int_equal(status.st_mode & 07777, 01751);
}

static void test_attributes(void **state)
{
    char value[8];

    (void)state;
    assert_int_equal(fsetxattr(from, "user.one", "\0\xff", 2, 0), 0);
    assert_int_equal(fsetxattr(from, "user.empty", "", 0, 0), 0);
    assert_int_equal(attributes_copy(from, to), 0);
    assert_int_equal(fgetxattr(to, "user.one", value, sizeof value), 2);
    assert_memory_equal(value, "\0\xff", 2);
    assert_int_equal(fgetxattr(to, "user.empty", value, sizeof value), 0);
}

static void test_owner_with_setgid(void **state)
{
    struct stat status;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(fchown(from, 4294967294, 7), 0);
    assert_int_equal(fchmod(from, 02755), 0);
    assert_int_equal(attributes_copy(from, to), 0);
    assert_int_equal(fstat(to, &status), 0);
    assert_int_equal(status.st_uid, 4294967294);
    assert_int_equal(status.st_gid, 7);
    assert_int_equal(status.st_mode & 07777, 02755);
}

static void test_marks_of_overlayfs_stay(void **state)
{
    char value[8];

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(fsetxattr(from, "trusted.overlay.opaque", "y", 1, 0), 0);
    assert_int_equal(fsetxattr(from, "trusted.mine", "m", 1, 0), 0);
    assert_int_equal(attributes_copy(from, to), 0);
    assert_int_equal(fgetxattr(to, "trusted.mine", value, sizeof value), 1);
    assert_int_equal(fgetxattr(to, "trusted.overlay.opaque", value, sizeof value), -1);
    assert_int_equal(errno, ENODATA);
}

static void test_failure(void **state)
{
    (void)state;
    assert_int_equal(attributes_copy(-1, to), -1);
    assert_int_equal(errno, EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_attributes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_owner_with_setgid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_marks_of_overlayfs_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
