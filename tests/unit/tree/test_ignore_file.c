/* .dockerignore: which paths its patterns leave out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/error.h"
#include "host/tree/ignore_file.h"

static struct ignore_file parse(const char *text)
{
    struct ignore_file file = {0};
    struct error *err = ignore_file_parse(".dockerignore", text, strlen(text), &file);

    if (err != NULL)
        fail_msg("%s", err->message);
    return file;
}

static void matches(const char *text, const char *path, bool expected)
{
    struct ignore_file file = parse(text);

    if (ignore_file_matches(&file, path) != expected)
        fail_msg("'%s' %s '%s'", text, expected ? "does not match" : "matches", path);
    ignore_file_free(&file);
}

static void leaves_out(const char *text, const char *path)
{
    matches(text, path, true);
}

static void keeps(const char *text, const char *path)
{
    matches(text, path, false);
}

static void test_names(void **state)
{
    (void)state;
    leaves_out("a", "a");
    leaves_out("a", "a/b/c");
    keeps("a", "ab");
    keeps("a", "b/a");
    keeps("a/b", "a");
    leaves_out("a/b", "a/b/c");
    leaves_out("/a/./b//c/../d/", "a/b/d");
    leaves_out("  a \t\r\n", "a");
    leaves_out("\xef\xbb\xbf"
               "a",
               "a");
    keeps("../a", "a");
    leaves_out("a.b", "a.b");
    keeps("a.b", "axb");
    leaves_out("(a|b)+{c}$", "(a|b)+{c}$");
}

static void test_wildcards(void **state)
{
    (void)state;
    leaves_out("*", "a");
    leaves_out("*.c", "a.c");
    keeps("*.c", "d/a.c");
    leaves_out("*/*.c", "d/a.c");
    leaves_out("?", "\xc3\xa9");
    keeps("?", "ab");
    keeps("a?b", "a/b");
    leaves_out("[a-c]x", "bx");
    keeps("[a-c]x", "dx");
    leaves_out("[^a-c]x", "dx");
    leaves_out("[\\]\\-]", "-");
    leaves_out("\\*", "*");
    keeps("\\*", "a");
    leaves_out("a\\b", "ab");
    leaves_out("temp?", "temp1/x");
}

static void test_any_directories(void **state)
{
    (void)state;
    leaves_out("**", "a/b");
    leaves_out("**/a", "a");
    leaves_out("**/a", "b/c/a");
    leaves_out("**/a", "b/a/c");
    keeps("**/a", "b/xa");
    leaves_out("**/*.go", "x/y/z.go");
    leaves_out("**/*.go", "z.go");
    leaves_out("a/**", "a/b/c");
    keeps("a/**", "a");
    keeps("a/**", "ab");
    leaves_out("a/**/b", "a/b");
    leaves_out("a/**/b", "a/x/y/b");
    keeps("a/**/b", "a/xb");
    leaves_out("a**", "abc/d");
    leaves_out("**a", "b/xa");
    leaves_out("**/a/**", "x/a/y");
    keeps("**/a/**", "x/a");
}

static void test_exceptions(void **state)
{
    (void)state;
    keeps("*\n!a", "a");
    keeps("*\n! a ", "a/b");
    leaves_out("*\n!a", "b");
    leaves_out("*\n!a\na/b", "a/b");
    leaves_out("!a\n*", "a");
    keeps("a\n!a/b", "a/b/c");
    leaves_out("a\n!a/b", "a/c");
    keeps("*.md\n!README*.md", "README-x.md");
    leaves_out("*.md\n!README*.md\nREADME-secret.md", "README-secret.md");
}

static void test_comments_and_empty_lines(void **state)
{
    (void)state;
    keeps("#a\n\n  \n", "#a");
    leaves_out(" #a", "#a");
    keeps("", "a");
    keeps(".\n/\n", "a");
}

static void test_whether_there_are_exceptions(void **state)
{
    struct ignore_file with = parse("a\n!a/b"), without = parse("a\nb");

    (void)state;
    assert_true(ignore_file_has_exceptions(&with));
    assert_false(ignore_file_has_exceptions(&without));
    ignore_file_free(&with);
    ignore_file_free(&without);
}

static void refuses(const char *text, size_t length, const char *message)
{
    struct ignore_file file = {0};
    struct error *err = ignore_file_parse(".dockerignore", text, length, &file);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_string_equal(err->message, message);
    error_free(err);
}

static void test_mistakes(void **state)
{
    static const char *const sets[] = {"a\n[", "a\n[]", "a\n[a", "a\n[a-]", "a\n[-a]", "a\n[a\\"};

    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        refuses(sets[i], strlen(sets[i]),
                "read '.dockerignore': line 2: a pattern's [...] is not valid");
    refuses("!", 1, "read '.dockerignore': line 1: '!' is not followed by a pattern");
    refuses("a\\", 2, "read '.dockerignore': line 1: a pattern ends in a backslash");
    refuses("a\0", 2, "read '.dockerignore': line 1: not UTF-8");
    refuses("\xff", 1, "read '.dockerignore': line 1: not UTF-8");
}

/* A pattern that takes forever if one choice after the other is tried. */
static void test_many_wildcards(void **state)
{
    char pattern[201] = {0};
    char path[4001] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof pattern - 1; i += 2)
        pattern[i] = '*', pattern[i + 1] = 'a';
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 2] = 'b';
    keeps(pattern, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_any_directories),
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_comments_and_empty_lines),
        cmocka_unit_test(test_whether_there_are_exceptions),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_many_wildcards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
