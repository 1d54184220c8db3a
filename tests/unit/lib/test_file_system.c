#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/file_system.h"
#include "tests/unit/folder.h"

static void expect_size(uint64_t size, const char *expected)
{
    CLEANUP(freep) char *text = file_system_size(size);

    assert_string_equal(text, expected);
}

static void test_sizes(void **state)
{
    (void)state;
    expect_size(0, "0 bytes");
    expect_size(1023, "1023 bytes");
    expect_size(1024, "1 KiB");
    expect_size(UINT64_C(40) << 20, "40 MiB");
    expect_size(UINT64_MAX, "16777215 TiB");
}

static void test_root_is_a_mount_point(void **state)
{
    CLEANUP(freep) char *text = file_system_describe("/");

    (void)state;
    assert_ptr_equal(strstr(text, "the file system mounted on '/' has "), text);
    assert_non_null(strstr(text, " free of "));
}

static void test_proc_is_found_from_below(void **state)
{
    CLEANUP(freep) char *text = file_system_describe("/proc/sys/kernel");

    (void)state;
    assert_non_null(strstr(text, "mounted on '/proc"));
}

static void test_missing_path_is_still_named(void **state)
{
    CLEANUP(freep) char *text = file_system_describe("/nonexistent/file");

    (void)state;
    assert_string_equal(text, "the file system of '/nonexistent/file'");
}

/* A directory of the same file system, mounted elsewhere, too. */
static void test_mounts(void **state)
{
    CLEANUP(freep) char *inner = xasprintf("%s/inner", folder);
    CLEANUP(freep) char *below = xasprintf("%s/below", inner);
    CLEANUP(freep) char *expected = xasprintf("mounted on '%s' has ", inner);

    (void)state;
    assert_int_equal(mkdir(inner, 0700), 0);
    if (mount("none", inner, "tmpfs", 0, "size=40m") < 0)
        skip();
    assert_int_equal(mkdir(below, 0700), 0);
    CLEANUP(freep) char *text = file_system_describe(below);

    assert_int_equal(mount(inner, below, "none", MS_BIND, NULL), 0);
    CLEANUP(freep) char *bound = file_system_describe(below);

    umount(below);
    umount(inner);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, "40 MiB free of 40 MiB"));
    assert_non_null(strstr(bound, below));
}

static void test_only_full_disks_are_explained(void **state)
{
    struct error *full = file_system_explain(error_new(EXIT_DISK_FULL, "write 'x'"), "/");
    struct error *other = file_system_explain(error_new(EXIT_OTHER, "write 'x'"), "/");

    (void)state;
    assert_non_null(strstr(full->message, "write 'x'; the file system mounted on '/' has "));
    assert_string_equal(other->message, "write 'x'");
    assert_null(file_system_explain(NULL, "/"));
    error_free(full);
    error_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_root_is_a_mount_point),
        cmocka_unit_test(test_proc_is_found_from_below),
        cmocka_unit_test(test_missing_path_is_still_named),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_only_full_disks_are_explained),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
