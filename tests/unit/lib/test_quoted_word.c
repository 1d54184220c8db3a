#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/quoted_word.h"

static void expect(const char *word, const char *quoted)
{
    struct buffer text = {0};

    quoted_word(word, &text);
    assert_string_equal(text.data, quoted);
    buffer_free(&text);
}

static void test_words(void **state)
{
    (void)state;
    expect("image-1.2_x", "image-1.2_x");
    expect("--set=app.tag=1", "--set=app.tag=1");
    expect("", "''");
    expect("two words", "'two words'");
    expect("it's", "'it'\\''s'");
    expect("$x", "'$x'");
    expect("~", "'~'");
    expect("#", "'#'");
    expect("\xc3\xa4", "'\xc3\xa4'");
}

/* What the shell makes of each byte, and of two of them. */
static void test_a_shell(void **state)
{
    struct buffer text = {0}, wanted = {0};
    char got[8];

    (void)state;
    buffer_printf(&text, "printf '%%s\\n'");
    for (int byte = 1; byte < 256; byte++) {
        const char word[] = {(char)byte, 'x', (char)byte, '\0'};

        buffer_printf(&text, " ");
        quoted_word(word, &text);
        buffer_printf(&wanted, "%s\n", word);
    }
    FILE *shell = popen(text.data, "r");

    assert_non_null(shell);
    for (size_t i = 0; i < wanted.length; i++) {
        assert_int_equal(fread(got, 1, 1, shell), 1);
        assert_int_equal(*got, wanted.data[i]);
    }
    assert_int_equal(fread(got, 1, 1, shell), 0);
    assert_int_equal(pclose(shell), 0);
    buffer_free(&text);
    buffer_free(&wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_a_shell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
