#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* More levels than descriptors, and names like those that removing gives. */
static void test_remove_takes_deep_folders(void **state)
{
    struct rlimit before, few;
    char *path = NULL;

    (void)state;
    assert_null(temporary_folder(folder, "d", &path));
    assert_int_equal(chdir(path), 0);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdir(".vmbuild-removed.1", 0700), 0);
        assert_int_equal(mkdir("b", 0700), 0);
        assert_int_equal(close(open("b/f", O_WRONLY | O_CREAT, 0600)), 0);
        assert_int_equal(chdir(i % 2 == 0 ? ".vmbuild-removed.1" : "b"), 0);
    }
    assert_int_equal(chmod("..", 0500), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 32;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    temporary_remove(path);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(exists(path));
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

static void make_file(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

/* At once, whatever they are; what is in use, and what looks like them, is not touched. */
static void test_abandoned_outputs_are_removed(void **state)
{
    char *tree = make_folder(".vmbuild-out.abcdefghij");
    char *other = make_folder(".vmbuild-out.abcdefghijk");
    char *file = xasprintf("%s/.vmbuild-out.0123456789", folder);
    char *below = xasprintf("%s/below", tree);
    char *used = NULL, *used_tree = NULL, *next = NULL;
    int fd = -1, next_fd = -1;

    (void)state;
    make_file(file);
    make_file(below);
    assert_null(temporary_output_file(folder, &used, &fd));
    assert_false(exists(tree));
    assert_false(exists(file));
    close(fd); /* it is in use until it is renamed or removed */
    assert_null(temporary_output_folder(folder, &used_tree));
    assert_null(temporary_output_file(folder, &next, &next_fd));
    close(next_fd);
    assert_true(exists(used) && exists(used_tree) && exists(next));
    temporary_remove(used);
    temporary_remove(used_tree);
    temporary_remove_all();
    assert_false(exists(used) || exists(used_tree) || exists(next));
    assert_int_equal(rmdir(other), 0);
    free(tree), free(other), free(file), free(below), free(used), free(used_tree), free(next);
}

/* Makes and renames outputs as fast as it can, or counts those that vanished. */
static int make_outputs(void)
{
    char *target = xasprintf("%s/target", folder);
    int lost = 0;

    for (size_t i = 0; i < 300; i++) {
        char *path = NULL;
        int fd = -1;

        if (temporary_output_file(folder, &path, &fd) != NULL || close(fd) < 0 ||
            temporary_rename(path, target) != NULL)
            lost = 1;
        free(path);
    }
    free(target);
    return lost;
}

/* Programs that remove what is abandoned never take what another one has just made. */
static void test_programs_at_the_same_time(void **state)
{
    pid_t children[4];
    char *target = xasprintf("%s/target", folder);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            _exit(temporary_setup() != NULL || make_outputs());
    }
    for (size_t i = 0; i < 4; i++) {
        int status;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(unlink(target), 0);
    free(target);
}

static void test_adopted_folder_goes_with_its_run_folder(void **state)
{
    char *run = make_folder(".vmbuild-run.abcdefghij");
    char *adopted = make_folder("adopted by another");
    char *link = xasprintf("%s/adopted", run);
    char *path = NULL;

    (void)state;
    assert_int_equal(symlink(adopted, link), 0);
    assert_null(temporary_run_folder_in(folder, &path));
    assert_false(exists(run));
    assert_false(exists(adopted));
    temporary_remove_all();
    free(run), free(adopted), free(link), free(path);
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
        cmocka_unit_test(test_remove_takes_deep_folders),
        cmocka_unit_test(test_missing_folder_is_an_error),
        cmocka_unit_test(test_abandoned_outputs_are_removed),
        cmocka_unit_test(test_programs_at_the_same_time),
        cmocka_unit_test(test_adopted_folder_goes_with_its_run_folder),
        cmocka_unit_test(test_only_abandoned_run_folders_are_removed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
