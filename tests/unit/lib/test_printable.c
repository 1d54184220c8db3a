#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/printable.h"

static void assert_made(const char *text, enum printable_kept kept, enum printable_rest rest,
                        const char *expected)
{
    CLEANUP(freep) char *made = printable_copy(text, strlen(text), kept, rest);

    assert_string_equal(made, expected);
}

static void test_ascii(void **state)
{
    (void)state;
    assert_made("plain ~", PRINTABLE_ASCII, PRINTABLE_MARK, "plain ~");
    assert_made("a\tb\nc\033[2Jd\x7f", PRINTABLE_ASCII, PRINTABLE_MARK, "a?b?c?[2Jd?");
    assert_made("a\tb\nc\033[2Jd\x7f", PRINTABLE_ASCII, PRINTABLE_DROP, "abc[2Jd");
    assert_made("\xc3\xa9", PRINTABLE_ASCII, PRINTABLE_MARK, "??");
    assert_made("\xc3\xa9", PRINTABLE_ASCII, PRINTABLE_DROP, "");
    assert_made("\xc3\xa9", PRINTABLE_ASCII, PRINTABLE_ESCAPE, "\\xc3\\xa9");
}

static void test_utf8(void **state)
{
    (void)state;
    assert_made("\xc3\xa9\t\xe2\x82\xac", PRINTABLE_UTF8, PRINTABLE_ESCAPE,
                "\xc3\xa9\t\xe2\x82\xac");
    assert_made("\xc2\x9b" /* C1: CSI */ "\xff\r", PRINTABLE_UTF8, PRINTABLE_ESCAPE,
                "\\xc2\\x9b\\xff\\x0d");
    assert_made("\xe2\x82", PRINTABLE_UTF8, PRINTABLE_MARK, "??");
    assert_made("\033[31mred", PRINTABLE_UTF8, PRINTABLE_ESCAPE, "\\x1b[31mred");
}

static void test_colours(void **state)
{
    (void)state;
    assert_made("\033[1;31mred", PRINTABLE_COLOURS, PRINTABLE_ESCAPE, "\033[1;31mred\033[0m");
    assert_made("\033[2Jgone", PRINTABLE_COLOURS, PRINTABLE_ESCAPE, "\\x1b[2Jgone");
    assert_made("\033[1;3", PRINTABLE_COLOURS, PRINTABLE_ESCAPE, "\\x1b[1;3");
    assert_made("\033", PRINTABLE_COLOURS, PRINTABLE_ESCAPE, "\\x1b");
}

/* Nothing is read after the given length, and a NUL is a byte like others. */
static void test_length(void **state)
{
    struct buffer out = {0};

    (void)state;
    printable_append(&out, "\033[1m", 3, PRINTABLE_COLOURS, PRINTABLE_MARK);
    printable_append(&out, "a\0b", 3, PRINTABLE_UTF8, PRINTABLE_MARK);
    printable_append(&out, "\xc3\xa9", 1, PRINTABLE_UTF8, PRINTABLE_MARK);
    assert_string_equal(out.data, "?[1a?b?");
    buffer_free(&out);
}

static void test_empty(void **state)
{
    (void)state;
    assert_made("", PRINTABLE_UTF8, PRINTABLE_ESCAPE, "");
}

static void test_is_ascii(void **state)
{
    (void)state;
    assert_true(printable_is_ascii(""));
    assert_true(printable_is_ascii(" ~"));
    assert_false(printable_is_ascii("a\tb"));
    assert_false(printable_is_ascii("a\x7f"));
    assert_false(printable_is_ascii("\xc3\xa9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ascii),  cmocka_unit_test(test_is_ascii),
        cmocka_unit_test(test_utf8),   cmocka_unit_test(test_colours),
        cmocka_unit_test(test_length), cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
