/* Patterns for paths, as filepath.Match of Go has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/path_pattern.h"

static struct path_pattern parse(const char *path)
{
    struct path_pattern pattern = {0};
    struct error *err = path_pattern_parse(path, &pattern);

    if (err != NULL)
        fail_msg("'%s': %s", path, err->message);
    return pattern;
}

/* Whether the pattern NAME, of one name, is for TEXT. */
static bool matches(const char *name, const char *text)
{
    struct path_pattern pattern = parse(name);
    bool found = pattern.count == 1 && path_pattern_matches(&pattern, 0, text);

    path_pattern_free(&pattern);
    return found;
}

static void test_paths(void **state)
{
    struct path_pattern pattern = parse("/a//b\\c/*.d/e\\*/");

    (void)state;
    assert_string_equal(pattern.start, "a//b\\c");
    assert_int_equal(pattern.count, 2);
    assert_true(path_pattern_matches(&pattern, 0, "x.d"));
    assert_true(path_pattern_matches(&pattern, 1, "e*"));
    assert_false(path_pattern_matches(&pattern, 1, "ex"));
    path_pattern_free(&pattern);
    pattern = parse("/");
    assert_string_equal(pattern.start, "");
    assert_int_equal(pattern.count, 0);
    path_pattern_free(&pattern);
    pattern = parse("/a\\*");
    assert_string_equal(pattern.start, "a\\*");
    assert_int_equal(pattern.count, 0);
    path_pattern_free(&pattern);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(matches("*", ".hidden"));
    assert_true(matches("a*c", "abbc"));
    assert_true(matches("a**c", "ac"));
    assert_false(matches("a?", "a"));
    assert_true(matches("?", "\xc3\xa9"));
    assert_true(matches("a?", "a\xff"));
    assert_true(matches("*", "\xe0"));
    assert_true(matches("[a-cx]", "x"));
    assert_false(matches("[^a-cx]", "b"));
    assert_true(matches("[\\]]*", "]a"));
    assert_true(matches("[[]x", "[x"));
}

static void test_wrong_patterns(void **state)
{
    static const char *const paths[] = {"/[", "/[]a]", "/[a-]", "/[-a]", "/[a", "/*\\", "/*/[b-a"};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct path_pattern pattern = {0};
        struct error *err = path_pattern_parse(paths[i], &pattern);

        if (err == NULL || err->code != EXIT_INPUT)
            fail_msg("'%s' is a pattern", paths[i]);
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_wrong_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
