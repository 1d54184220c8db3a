#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/toml.h"

/* Checks that TEXT means the JSON document EXPECTED. */
static void expect(const char *text, const char *expected)
{
    CLEANUP(json_freep) struct json *value = NULL;
    CLEANUP(buffer_free) struct buffer out = {0};
    struct error *err = toml_parse("test", text, strlen(text), &value);

    if (err != NULL)
        fail_msg("%s: %s", text, err->message);
    json_write(value, false, &out);
    assert_string_equal(out.data, expected);
}

static void expect_error(const char *text, const char *words)
{
    struct json *value = NULL;
    struct error *err = toml_parse("test", text, strlen(text), &value);

    if (err == NULL) {
        fail_msg("accepted: %s", text);
        return; /* never; the analyzer does not know it */
    }
    assert_int_equal(err->code, EXIT_INPUT);
    if (strstr(err->message, words) == NULL)
        fail_msg("'%s' does not contain '%s'", err->message, words);
    error_free(err);
}

static void test_pairs(void **state)
{
    (void)state;
    expect("", "{}");
    expect("# nothing\r\n\r\n", "{}");
    expect("a = true # yes\nb-1=false", "{\"a\":true,\"b-1\":false}");
    expect("\"a b\" = 1\n'c.d' = 2\n1 = 3\n\"\" = 4", "{\"a b\":1,\"c.d\":2,\"1\":3,\"\":4}");
    expect("a.b . c = 1\na.d = 2", "{\"a\":{\"b\":{\"c\":1},\"d\":2}}");
    expect("\xef\xbb\xbf"
           "a = 1",
           "{\"a\":1}");
}

static void test_strings(void **state)
{
    (void)state;
    expect("a = \"x\\t\\\"\\\\\\u00e9\\U0001F600\"",
           "{\"a\":\"x\\t\\\"\\\\\xc3\xa9\xf0\x9f\x98\x80\"}");
    expect("a = 'C:\\n'", "{\"a\":\"C:\\\\n\"}");
    expect("a = \"\"\"\nx\r\ny \\\n   z\"\"\"", "{\"a\":\"x\\ny z\"}");
    expect("a = '''it's \\ ''here'''''", "{\"a\":\"it's \\\\ ''here''\"}");
    expect("a = \"\"\nb = ''\nc = \"\"\"\"\"\"", "{\"a\":\"\",\"b\":\"\",\"c\":\"\"}");
}

static void test_arrays_and_inline_tables(void **state)
{
    (void)state;
    expect("a = [ 'x', # one\n  'y',\n]", "{\"a\":[\"x\",\"y\"]}");
    expect("a = []\nb = [[1, 2], [\"c\"]]", "{\"a\":[],\"b\":[[1,2],[\"c\"]]}");
    expect("a = {b = 1, c.d = 'x'}\ne = {}", "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}},\"e\":{}}");
}

static void test_tables(void **state)
{
    (void)state;
    expect("x = 1\n[a]\nb = 1\n[ c . 'd' ]\ne = 2\n[c]\nf = 3",
           "{\"x\":1,\"a\":{\"b\":1},\"c\":{\"d\":{\"e\":2},\"f\":3}}");
    expect("[[r]]\na = 1\n[[r.m]]\nb = 1\n[[r.m]]\nb = 2\n[[r]]\na = 2\n[r.t]\nc = 3",
           "{\"r\":[{\"a\":1,\"m\":[{\"b\":1},{\"b\":2}]},{\"a\":2,\"t\":{\"c\":3}}]}");
}

static void test_lines(void **state)
{
    CLEANUP(json_freep) struct json *value = NULL;
    static const char text[] = "a = [1,\n2]\n[b]\nc = 'x'";

    (void)state;
    assert_null(toml_parse("test", text, strlen(text), &value));
    assert_int_equal(json_get(value, "a")->line, 1);
    assert_int_equal(json_get(value, "b")->line, 3);
    assert_int_equal(json_get(json_get(value, "b"), "c")->line, 4);
}

static void test_numbers_and_dates(void **state)
{
    static const char *const good[] = {
        "0",
        "+1",
        "-17",
        "1_000",
        "0xdead_BEEF",
        "0o755",
        "0b11",
        "1.5",
        "-0.01e+3",
        "5e22",
        "inf",
        "-nan",
        "1979-05-27",
        "07:32:00",
        "1979-05-27 07:32:00.5",
        "1979-05-27T07:32:00Z",
        "1979-05-27t00:32:00-07:00",
    };
    static const char *const bad[] = {
        "01", "1__0", "_1",  "1_",     ".5",        "5.",  "0x", "0xg",
        "1e", "+0x1", "tru", "truely", "1979-5-27", "--1", "",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CLEANUP(freep) char *text = xasprintf("a = %s # end", good[i]);
        CLEANUP(json_freep) struct json *value = NULL;
        struct error *err = toml_parse("test", text, strlen(text), &value);

        if (err != NULL)
            fail_msg("%s: %s", text, err->message);
        assert_string_equal(json_get(value, "a")->text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CLEANUP(freep) char *text = xasprintf("a = %s\nb = 1", bad[i]);

        expect_error(text, "line 1: not a valid value");
    }
}

static void test_repetitions(void **state)
{
    (void)state;
    expect_error("a = 1\na = 2", "line 2: repeated key");
    expect_error("a.b = 1\na = 2", "line 2: repeated key");
    expect_error("a = 1\na.b = 2", "already has a value");
    expect_error("[a]\n[a]", "line 2: repeated table");
    expect_error("[a]\nb = 1\n[a.b]", "repeated table");
    expect_error("[a]\nb.c = 1\n[a.b]", "repeated table");
    expect_error("a = {b = 1}\n[a.c]", "already has a value");
    expect_error("a = {b.c = 1, b = 2}", "repeated key");
    expect_error("a = [{}]\n[[a]]", "already has a value");
    expect_error("[a]\n[[a]]", "already has a value");
    expect_error("[[a]]\n[a]", "repeated table");
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {
        "a",
        "a =",
        "= 1",
        "a = 'x",
        "a = \"x\n\"",
        "a = \"\\x\"",
        "a = \"\\u00\"",
        "a = \"\\ud800\"",
        "a = \"\\u0000\"",
        "a = [1 2]",
        "a = [1",
        "a = {b = 1",
        "a = {b = 1,}",
        "a = {b = 1\n}",
        "a = 1 b = 2",
        "[a",
        "[[a]",
        "[]",
        "[a.]",
        "a = \"\x01\"",
        "a = \xff",
        "a = \"\"\"x",
        "\"\"\"a\"\"\" = 1",
        "[a] b = 1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_error(bad[i], "read test: ");
}

/* Nesting is limited before the stack is. */
static void test_depth(void **state)
{
    CLEANUP(buffer_free) struct buffer arrays = {0}, keys = {0};

    (void)state;
    buffer_printf(&arrays, "a = ");
    for (size_t i = 0; i < 100000; i++) {
        buffer_append(&arrays, "[", 1);
        buffer_append(&keys, "a.", 2);
    }
    expect_error(arrays.data, "nested too deeply");
    expect_error(keys.data, "nested too deeply");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_arrays_and_inline_tables),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_numbers_and_dates),
        cmocka_unit_test(test_repetitions),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
