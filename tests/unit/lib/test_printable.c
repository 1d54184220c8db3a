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

/* Each byte as `cat -v` shows it, but for characters in UTF-8. */
static void test_caret(void **state)
{
    (void)state;
    assert_made("\033[1;31mred", PRINTABLE_UTF8, PRINTABLE_CARET, "^[[1;31mred");
    assert_made("\033", PRINTABLE_UTF8, PRINTABLE_CARET, "^[");
    assert_made("a\tb\r\n\x7f\x01", PRINTABLE_UTF8, PRINTABLE_CARET, "a\tb^M^J^?^A");
    assert_made("a\tb\r\n", PRINTABLE_LINES, PRINTABLE_CARET, "a\tb^M\n");
    assert_made("\xc3\xa9 \xc2\x9b", PRINTABLE_UTF8, PRINTABLE_CARET, "\xc3\xa9 M-BM-^[");
    assert_made("\xff\xfe\xa0\xe1\x80", PRINTABLE_UTF8, PRINTABLE_CARET, "M-^?M-~M- M-aM-^@");
}

static void test_any_utf8(void **state)
{
    (void)state;
    assert_made("\033[1m\r\n\xc2\x9b\xff", PRINTABLE_ANY_UTF8, PRINTABLE_CARET,
                "\033[1m\r\n\xc2\x9bM-^?");
}

/* What stands at the end is kept, and no character is cut. */
static void test_cut(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *expected;
    } cases[] = {
        {"", 4, ""},
        {"abcd", 4, "abcd"},
        {"abcdefgh", 4, "abc [4 bytes left out] h"},
        {"abcdefghijklmnop", 8, "abcdef [8 bytes left out] op"},
        {"ab\xc3\xa9"
         "cdefgh",
         4, "ab [7 bytes left out] h"},
        {"abcdefg\xc3\xa9", 4, "abc [6 bytes left out] "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(freep) char *cut = printable_cut(cases[i].text, cases[i].max);

        assert_string_equal(cut, cases[i].expected);
    }
}

/* Nothing is read after the given length, and a NUL is a byte like others. */
static void test_length(void **state)
{
    struct buffer out = {0};

    (void)state;
    printable_append(&out, "\033[1m", 3, PRINTABLE_UTF8, PRINTABLE_MARK);
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
        cmocka_unit_test(test_utf8),   cmocka_unit_test(test_caret),
        cmocka_unit_test(test_cut),    cmocka_unit_test(test_any_utf8),
        cmocka_unit_test(test_length), cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
