#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/memory.h"
#include "host/lib/temporary.h"

static char folder[] = "/tmp/test_temporary.XXXXXX";

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void test_file_is_private_and_removed(void **state)
{
    char *path = NULL;
    int fd = -1;
    struct stat status;

    (void)state;
    assert_null(temporary_file(folder, "x", &path, &fd));
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    close(fd);
    temporary_remove(path);
    assert_false(exists(path));
    free(path);
}

static void test_renamed_file_stays(void **state)
{
    char *path = NULL;
    char *target = xasprintf("%s/target", folder);

    (void)state;
    assert_null(temporary_file(folder, "x", &path, NULL));
    assert_null(temporary_rename(path, target));
    temporary_remove_all();
    assert_true(exists(target));
    assert_int_equal(unlink(target), 0);
    free(target);
    free(path);
}

static void test_remove_all_takes_full_folders(void **state)
{
    char *path = NULL;

    (void)state;
    assert_null(temporary_folder(folder, "d", &path));
    char *command =
        xasprintf("mkdir -p '%s/a/b' && ln -s / '%s/a/root' && : > '%s/a/b/c'", path, path, path);

    assert_int_equal(system(command), 0);
    temporary_remove_all();
    assert_false(exists(path));
    assert_true(exists("/etc"));
    free(command);
    free(path);
}

static void test_missing_folder_is_an_error(void **state)
{
    char *path = NULL;
    struct error *err = temporary_file("/nonexistent/folder", "x", &path, NULL);

    (void)state;
    assert_non_null(err);
    assert_non_null(strstr(err->message, "/nonexistent/folder"));
    assert_null(path);
    error_free(err);
}

static char *make_folder(const char *name)
{
    char *path = xasprintf("%s/%s", folder, name);

    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

/* The temporary directory of a running build's output may be next to run directories. */
static void test_only_abandoned_run_folders_are_removed(void **state)
{
    char *abandoned = make_folder(".vmbuild-run.abcdefghij");
    char *output = make_folder(".vmbuild.abcdefghij");
    const char *run = NULL;

    (void)state;
    sleep(3); /* nothing sets a change time back */
    assert_int_equal(setenv("TMPDIR", folder, 1), 0);
    assert_null(temporary_run_folder(&run));
    assert_false(exists(abandoned));
    assert_true(exists(output));
    assert_true(exists(run));
    temporary_remove_all();
    assert_false(exists(run));
    assert_int_equal(rmdir(output), 0);
    free(abandoned);
    free(output);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL || temporary_setup() != NULL;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_is_private_and_removed),
        cmocka_unit_test(test_renamed_file_stays),
        cmocka_unit_test(test_remove_all_takes_full_folders),
        cmocka_unit_test(test_missing_folder_is_an_error),
        cmocka_unit_test(test_only_abandoned_run_folders_are_removed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
