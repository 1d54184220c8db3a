#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/manual/mdoc.h"

static void expect_text(const char *text, const char *expected)
{
    struct buffer out = {0};

    mdoc_text(text, &out);
    assert_string_equal(out.data, expected);
    buffer_free(&out);
}

static void expect_argument(const char *word, const char *expected)
{
    struct buffer out = {0};

    mdoc_argument(word, strlen(word), &out);
    assert_string_equal(out.data, expected);
    buffer_free(&out);
}

static void test_sentences_start_lines(void **state)
{
    (void)state;
    expect_text("One. Two (or three). Four", "One.\nTwo (or three).\nFour\n");
    expect_text("One.\n\nTwo.", "One.\n.Pp\nTwo.\n");
}

static void test_lines_are_wrapped(void **state)
{
    struct buffer out = {0};

    (void)state;
    mdoc_text("aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbb cccccccccccccccccccc dddddddddddddddddddd "
              "eeeeeeeeeeeeeeeeeeee",
              &out);
    for (const char *line = out.data; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    buffer_free(&out);
}

static void test_text_is_no_macro(void **state)
{
    (void)state;
    expect_text(".Dd is not meant", "\\&.Dd is not meant\n");
    expect_text("'tis a\\b", "\\&'tis a\\eb\n");
}

static void test_literals_by_what_they_are(void **state)
{
    (void)state;
    expect_text("`--dry-run`", ".Fl \\-dry\\-run\n");
    expect_text("`-o`", ".Fl o\n");
    expect_text("`vmbuild-spec(5)`", ".Xr vmbuild-spec 5\n");
    expect_text("`SOURCE_DATE_EPOCH` `$TMPDIR`", ".Ev SOURCE_DATE_EPOCH\n.Ev TMPDIR\n");
    expect_text("`/etc/passwd` `~/.docker`", ".Pa /etc/passwd\n.Pa \\(ti/.docker\n");
    expect_text("`runAsRoot`", ".Cm runAsRoot\n");
    expect_text("`--set a=b`", ".Ql \"\\-\\-set a=b\"\n");
    expect_text("`{\"file\": PATH}`", ".Ql \"{\\(dqfile\\(dq: PATH}\"\n");
}

static void test_punctuation_around_literals(void **state)
{
    (void)state;
    expect_text("See `cpus`.", "See\n.Cm cpus .\n");
    expect_text("(`cpus`),", ".No ( Cm cpus ) ,\n");
    expect_text("`runAsRoot`'s", ".Cm runAsRoot Ns \\(aqs\n");
    expect_text("un`cpus`", ".No un Ns Cm cpus\n");
}

static void test_arguments(void **state)
{
    (void)state;
    expect_argument("a b", "\"a b\"");
    expect_argument("Ar", "\\&Ar");
    expect_argument(".", "\\&.\\&");
    expect_argument("oci:", "oci:\\&");
    expect_argument("\\-^`'", "\\e\\-\\(ha\\(ga\\(aq");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences_start_lines),
        cmocka_unit_test(test_lines_are_wrapped),
        cmocka_unit_test(test_text_is_no_macro),
        cmocka_unit_test(test_literals_by_what_they_are),
        cmocka_unit_test(test_punctuation_around_literals),
        cmocka_unit_test(test_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
