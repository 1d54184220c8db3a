/* What patterns stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/tree/exclude.h"

static bool excluded(const char *pattern, const char *path, bool is_folder)
{
    char *items[] = {(char *)(uintptr_t)pattern};
    const struct strings patterns = {items, 1, 1};

    return exclude_matches(&patterns, path, is_folder);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(excluded("*.pyc", "a.pyc", false));
    assert_true(excluded("*.pyc", "a/b/c.pyc", false));
    assert_false(excluded("*.pyc", "a.pyc.txt", false));
    assert_true(excluded("*", ".hidden", false));
    assert_true(excluded("[ab]?", "x/a1", false));
    assert_false(excluded("[ab]?", "x/c1", false));
    assert_true(excluded("\\*", "*", false));
    assert_false(excluded("\\*", "a", false));
}

static void test_paths(void **state)
{
    (void)state;
    assert_true(excluded("/a", "a", false));
    assert_false(excluded("/a", "b/a", false));
    assert_true(excluded("etc/shadow", "etc/shadow", false));
    assert_false(excluded("etc/shadow", "x/etc/shadow", false));
    assert_true(excluded("var/*/x", "var/a/x", false));
    assert_false(excluded("var/*/x", "var/a/b/x", false));
    assert_false(excluded("var/*/x", "var/x", false));
    assert_true(excluded("a//b", "a/b", false));
}

static void test_any_directories(void **state)
{
    (void)state;
    assert_true(excluded("**/x", "x", false));
    assert_true(excluded("**/x", "a/b/x", false));
    assert_true(excluded("a/**/x", "a/x", false));
    assert_true(excluded("a/**/x", "a/b/c/x", false));
    assert_false(excluded("a/**/x", "b/x", false));
    assert_true(excluded("a/**", "a/b", false));
    assert_false(excluded("a/**", "a", true));
    assert_true(excluded("**", "a", false));
    assert_true(excluded("**/a/**/b", "x/a/y/a/b", false));
}

static void test_directories(void **state)
{
    (void)state;
    assert_true(excluded("cache/", "cache", true));
    assert_false(excluded("cache/", "cache", false));
    assert_true(excluded("cache/", "a/cache/b", false));
    assert_true(excluded("var/cache", "var/cache/apt/x", false));
    assert_false(excluded("var/cache/", "var/cached", true));
}

/* "**" stands for as little as possible, and for more if that does not do. */
static void test_several_any_directories(void **state)
{
    (void)state;
    assert_true(excluded("**/a/**/b", "a/b", false));
    assert_true(excluded("**/a/**/b", "x/a/a/y/b", false));
    assert_false(excluded("**/a/**/b", "x/b/a", false));
    assert_true(excluded("a/**/b/c", "a/b/b/c", false));
    assert_true(excluded("a/**", "a/x/y", false));
    assert_false(excluded("a/**", "a", true));
    assert_true(excluded("**/**/x", "x", false));
}

static void test_none(void **state)
{
    const struct strings empty = {0};

    (void)state;
    assert_false(exclude_matches(NULL, "a", false));
    assert_false(exclude_matches(&empty, "a", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_paths),
        cmocka_unit_test(test_any_directories), cmocka_unit_test(test_several_any_directories),
        cmocka_unit_test(test_directories),     cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
