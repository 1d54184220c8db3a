/* What patterns leave out, and which directories they take for what is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/error.h"
#include "host/tree/contents_filter.h"

static void parse(const char *text, struct ignore_file *ret)
{
    assert_null(ignore_file_parse("patterns", text, strlen(text), ret));
}

static void test_patterns_in_the_source(void **state)
{
    struct ignore_file ignore = {0};
    const struct contents_filter filter = {.ignore = &ignore};

    (void)state;
    parse("a\nb\n!b/c", &ignore);
    assert_true(contents_filter_implies(&filter));
    assert_int_equal(contents_filter_judge(&filter, "x", true), CONTENTS_TAKEN);
    assert_int_equal(contents_filter_judge(&filter, "a", false), CONTENTS_LEFT_OUT);
    assert_int_equal(contents_filter_judge(&filter, "b", true), CONTENTS_IMPLIED);
    assert_int_equal(contents_filter_judge(&filter, "b", false), CONTENTS_LEFT_OUT);
    assert_int_equal(contents_filter_judge(&filter, "b/c", false), CONTENTS_TAKEN);
    ignore_file_free(&ignore);
}

static void test_patterns_in_the_context(void **state)
{
    struct ignore_file ignore = {0};
    const struct contents_filter whole = {.context_ignore = &ignore};
    const struct contents_filter part = {.context_ignore = &ignore, .inside = "a/b"};

    (void)state;
    parse("a/b/c\n", &ignore);
    assert_false(contents_filter_implies(&part));
    assert_int_equal(contents_filter_judge(&part, "c", true), CONTENTS_LEFT_OUT);
    assert_int_equal(contents_filter_judge(&part, "a/b/c", true), CONTENTS_TAKEN);
    assert_int_equal(contents_filter_judge(&whole, "a/b/c/d", true), CONTENTS_LEFT_OUT);
    ignore_file_free(&ignore);
}

static void test_what_is_taken_at_all(void **state)
{
    struct ignore_file include = {0};
    const struct contents_filter filter = {.include = &include, .include_start = "a/b"};

    (void)state;
    parse("a/b/*.c", &include);
    assert_int_equal(contents_filter_judge(&filter, "a", true), CONTENTS_IMPLIED);
    assert_int_equal(contents_filter_judge(&filter, "a/b", true), CONTENTS_IMPLIED);
    assert_int_equal(contents_filter_judge(&filter, "a/b/d", true), CONTENTS_IMPLIED);
    assert_int_equal(contents_filter_judge(&filter, "a/bc", true), CONTENTS_LEFT_OUT);
    assert_int_equal(contents_filter_judge(&filter, "x", true), CONTENTS_LEFT_OUT);
    assert_int_equal(contents_filter_judge(&filter, "a/b", false), CONTENTS_LEFT_OUT);
    assert_int_equal(contents_filter_judge(&filter, "a/b/x.c", false), CONTENTS_TAKEN);
    assert_int_equal(contents_filter_judge(&filter, "a/b/x.c/y", false), CONTENTS_TAKEN);
    ignore_file_free(&include);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_in_the_source),
        cmocka_unit_test(test_patterns_in_the_context),
        cmocka_unit_test(test_what_is_taken_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
