/* What COPY's paths lead to in a directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/tree/context_path.h"
#include "tests/unit/contents.h"

/* PATH leads to EXPECTED: "NAMED PLACE", a line each; or else to an error with that in it. */
static void leads(const char *path, const char *expected)
{
    CLEANUP(context_matches_free) struct context_matches matches = {0};
    CLEANUP(error_freep) struct error *err = context_path_find(folder, path, false, &matches);
    CLEANUP(buffer_free) struct buffer found = {0};

    buffer_append(&found, "", 0);
    for (size_t i = 0; i < matches.count; i++)
        buffer_printf(&found, "%s %s\n", matches.items[i].named, matches.items[i].place);
    if (err != NULL && strstr(err->message, expected) == NULL)
        fail_msg("%s: %s", path, err->message);
    if (err == NULL)
        assert_string_equal(found.data, expected);
}

static void make_files(void)
{
    run("mkdir -p d/e f && touch a.c b.c d/e/x.c f/y.c '[z].c' && ln -s d link && ln -s /d/e deep "
        "&& ln -s ../../f/../../../f up && ln -s none dangling && ln -s loop loop && "
        "ln -s /link/e/x.c d/far");
}

static void test_paths(void **state)
{
    (void)state;
    make_files();
    leads("/", " \n");
    leads("/a.c", "a.c a.c\n");
    leads("//d/./e/", "d/./e/ d/e\n");
    leads("/none", "No such file");
    leads("/a.c/x", "Not a directory");
    leads("/a\\.c", "No such file");
}

static void test_symlinks(void **state)
{
    (void)state;
    make_files();
    leads("/link", "link d\n");
    leads("/link/e/x.c", "link/e/x.c d/e/x.c\n");
    leads("/deep/x.c", "deep/x.c d/e/x.c\n");
    leads("/up/y.c", "up/y.c f/y.c\n");
    leads("/d/far", "d/far d/e/x.c\n");
    leads("/dangling", "No such file");
    leads("/loop", "Too many levels of symbolic links");
}

static void test_patterns(void **state)
{
    (void)state;
    make_files();
    leads("/*.c", "[z].c [z].c\na.c a.c\nb.c b.c\n");
    leads("/[ab].c", "a.c a.c\nb.c b.c\n");
    leads("/[z].c", "[z].c [z].c\n"); /* as nothing matches */
    leads("/*/*.c", "f/y.c f/y.c\n"); /* symlinks to directories are not gone through, ... */
    leads("/link/*", "d/e d/e\nd/far d/e/x.c\n"); /* ... but before the pattern and at its end */
    leads("/l*k", "link d\n");
    leads("/*.none", "nothing matches");
    leads("/none/*", "nothing matches");
    leads("/a.c/*", "nothing matches");
    leads("/[a", "is not valid");
}

static void test_a_pattern_may_be_optional(void **state)
{
    CLEANUP(context_matches_free) struct context_matches matches = {0};

    (void)state;
    make_files();
    assert_null(context_path_find(folder, "/*.none", true, &matches));
    assert_int_equal(matches.count, 0);
    struct error *err = context_path_find(folder, "/none", true, &matches);

    assert_non_null(err);
    error_free(err);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_paths),
        TEST(test_symlinks),
        TEST(test_patterns),
        TEST(test_a_pattern_may_be_optional),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
