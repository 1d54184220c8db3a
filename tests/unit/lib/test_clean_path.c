/* Paths as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/lib/clean_path.h"

static void is(char *path, const char *expected)
{
    assert_string_equal(path, expected);
    free(path);
}

static void test_clean(void **state)
{
    (void)state;
    is(clean_path(""), ".");
    is(clean_path("."), ".");
    is(clean_path("/"), "/");
    is(clean_path("//a/./b//"), "/a/b");
    is(clean_path("a/../b"), "b");
    is(clean_path("a/.."), ".");
    is(clean_path("../../a/../b"), "../../b");
    is(clean_path("/../a/../../b"), "/b");
    is(clean_path("a/...b/.c"), "a/...b/.c");
}

static void test_in_a_folder(void **state)
{
    (void)state;
    is(clean_path_in("/srv", "a"), "/srv/a");
    is(clean_path_in("/srv", "/a"), "/a");
    is(clean_path_in("/srv", "."), "/srv/");
    is(clean_path_in("/srv", "./"), "/srv/");
    is(clean_path_in("/srv", "a/."), "/srv/a/");
    is(clean_path_in("/srv", "a//"), "/srv/a/");
    is(clean_path_in("/srv", "../"), "/");
    is(clean_path_in("/", "."), "/");
    is(clean_path_in("/srv", ".."), "/");
    is(clean_path_in("/srv", ""), "/srv/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_in_a_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
