/* Paths out of hostile archives, and the order, sets and trees that the guest keeps of them. */
#include <dirent.h>
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
#include <unistd.h>

#include <cmocka.h>

#include "guest/tar/names.h"
#include "guest/tar/path.h"
#include "guest/tar/seen.h"
#include "guest/tar/tree.h"

static void test_normalize(void **state)
{
    static const struct {
        const char *raw;
        const char *path; /* NULL: refused */
    } cases[] = {
        {"usr/bin/sh", "usr/bin/sh"},
        {"./usr//bin/./sh/", "usr/bin/sh"},
        {"/etc/passwd", "etc/passwd"},
        {"./", ""},
        {"/", ""},
        {"", ""},
        {"..a/b..", "..a/b.."},
        {"...", "..."},
        {"..", NULL},
        {"../x", NULL},
        {"a/../b", NULL},
        {"a/..", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char raw[64];
        const char *why = NULL;

        strcpy(raw, cases[i].raw);
        if (cases[i].path != NULL) {
            assert_int_equal(path_normalize(raw, &why), 0);
            assert_string_equal(raw, cases[i].path);
        } else {
            assert_int_equal(path_normalize(raw, &why), -1);
            assert_string_equal(why, "must not contain a '..' component");
        }
    }
}

static void test_normalize_limits(void **state)
{
    const char *why;
    char *raw = calloc(1, PATH_LENGTH_MAX + 2);

    (void)state;
    assert_non_null(raw);
    for (size_t i = 0; i < 2 * (PATH_DEPTH_MAX + 1); i += 2) {
        raw[i] = 'd';
        raw[i + 1] = '/';
    }
    assert_int_equal(path_normalize(raw, &why), -1);
    assert_string_equal(why, "too deep");
    memset(raw, 'x', PATH_LENGTH_MAX + 1);
    assert_int_equal(path_normalize(raw, &why), -1);
    assert_string_equal(why, "too long");
    free(raw);
}

/* A new directory as *STATE, an int *. */
static int make_folder(void **state)
{
    char name[] = "/tmp/test_guest_path.XXXXXX";
    int *fd = malloc(sizeof *fd);

    assert_non_null(fd);
    assert_non_null(mkdtemp(name));
    *fd = open(name, O_RDONLY | O_DIRECTORY);
    assert_true(*fd >= 0);
    *state = fd;
    return 0;
}

static int remove_folder(void **state)
{
    int *fd = *state;
    char link[64];
    char path[256];

    snprintf(link, sizeof link, "/proc/self/fd/%d", *fd);
    ssize_t length = readlink(link, path, sizeof path - 1);

    assert_true(length > 0);
    path[length] = '\0';
    assert_int_equal(tree_empty(*fd), 0);
    assert_int_equal(rmdir(path), 0);
    close(*fd);
    free(fd);
    return 0;
}

static void assert_resolves(int root, const char *path, const char *expected)
{
    struct path found = {0};

    assert_int_equal(path_resolve(root, path, &found), 0);
    assert_string_equal(path_text(&found), expected);
    path_free(&found);
}

static void test_resolve_stays_in_the_root(void **state)
{
    int root = *(int *)*state;
    struct path found = {0};

    assert_int_equal(mkdirat(root, "usr", 0755), 0);
    assert_int_equal(mkdirat(root, "usr/lib", 0755), 0);
    assert_int_equal(symlinkat("usr/lib", root, "lib"), 0);
    assert_int_equal(symlinkat("/usr", root, "usr/self"), 0);
    assert_int_equal(symlinkat("../../../../etc/passwd", root, "evil"), 0);
    assert_int_equal(symlinkat("loop", root, "loop"), 0);
    assert_resolves(root, "/lib/x/y", "usr/lib/x/y");
    assert_resolves(root, "/usr/self/self/lib", "usr/lib");
    assert_resolves(root, "/evil", "etc/passwd");
    assert_resolves(root, "/../..//usr/./lib/..", "usr");
    assert_resolves(root, "/none/../usr", "usr");
    assert_resolves(root, "/", "");
    assert_int_equal(path_resolve(root, "/loop/x", &found), -1);
    assert_int_equal(errno, ELOOP);
}

static void test_names_are_in_the_order_of_whole_paths(void **state)
{
    const struct name unsorted[] = {
        {(char[]){"a0"}, DT_REG},  {(char[]){"a"}, DT_DIR},    {(char[]){"b"}, DT_REG},
        {(char[]){"a.b"}, DT_REG}, {(char[]){"\xff"}, DT_REG}, {(char[]){"a-"}, DT_DIR},
    };
    static const char *const sorted[] = {"a-", "a.b", "a", "a0", "b", "\xff"};
    struct names names = {0};

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(names_add(&names, unsorted[i].text, unsorted[i].type), 0);
    names_sort(&names);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(names.items[i].text, sorted[i]);
    names_free(&names);
}

static void test_seen_names(void **state)
{
    struct seen seen = {0};
    char name[16];

    (void)state;
    assert_false(seen_has(&seen, 1, "x"));
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(seen_add(&seen, (uint64_t)i % 7, name), 0);
    }
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_true(seen_has(&seen, (uint64_t)i % 7, name));
        assert_false(seen_has(&seen, 8, name));
    }
    seen_free(&seen);
}

static void make_file(int folder, const char *path)
{
    int fd = openat(folder, path, O_WRONLY | O_CREAT, 0644);

    assert_true(fd >= 0);
    close(fd);
}

static void test_parents_are_below_the_root(void **state)
{
    int root = *(int *)*state;
    const char *name = NULL;
    struct stat expected, status;

    assert_int_equal(mkdirat(root, "a", 0755), 0);
    assert_int_equal(symlinkat("/", root, "out"), 0);
    assert_int_equal(symlinkat("a", root, "in"), 0);
    make_file(root, "file");
    assert_int_equal(fstatat(root, "a", &expected, 0), 0);
    int parent = path_open_parent(root, "a/missing", &name);

    assert_true(parent >= 0);
    assert_string_equal(name, "missing");
    assert_int_equal(fstat(parent, &status), 0);
    assert_int_equal(status.st_ino, expected.st_ino);
    close(parent);
    parent = path_open_parent(root, "out", &name);
    assert_true(parent >= 0);
    assert_string_equal(name, "out");
    close(parent);
    assert_int_equal(path_open_parent(root, "out/etc", &name), -1);
    assert_int_equal(errno, ELOOP);
    assert_int_equal(path_open_parent(root, "in/x", &name), -1);
    assert_int_equal(errno, ELOOP);
    assert_int_equal(path_open_parent(root, "none/x", &name), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(path_open_parent(root, "file/x", &name), -1);
    assert_int_equal(errno, ENOTDIR);
}

#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_normalize_limits),
        IN_FOLDER(test_resolve_stays_in_the_root),
        cmocka_unit_test(test_names_are_in_the_order_of_whole_paths),
        cmocka_unit_test(test_seen_names),
        IN_FOLDER(test_parents_are_below_the_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
