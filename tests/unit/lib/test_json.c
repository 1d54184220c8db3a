#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/json.h"
#include "host/lib/json_text.h"

static struct json *parse(const char *text)
{
    struct json *value = NULL;

    assert_null(json_parse("test", text, strlen(text), &value));
    return value;
}

static void expect_error(const char *text, size_t length, const char *part)
{
    struct json *value = NULL;
    struct error *err = json_parse("test", text, length, &value);

    assert_non_null(err);
    assert_null(value);
    assert_int_equal(err->code, EXIT_INPUT);
    if (strstr(err->message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, err->message);
    error_free(err);
}

static void expect_rewritten(const char *text, const char *expected)
{
    struct json *value = parse(text);
    struct buffer out = {0};

    json_write(value, false, &out);
    assert_string_equal(out.data, expected);
    buffer_free(&out);
    json_free(value);
}

static void test_values_keep_order_and_text(void **state)
{
    (void)state;
    expect_rewritten(" { \"b\" : 1.50e3 , \"a\" : [ true , false , null , \"x\\n\" ] } ",
                     "{\"b\":1.50e3,\"a\":[true,false,null,\"x\\n\"]}");
}

static void test_positions(void **state)
{
    struct json *root = parse("{\n  \"a\": 1,\n  \"b\": [\n    \"x\", 22 ]}");

    (void)state;
    assert_int_equal(json_get(root, "a")->line, 2);
    assert_int_equal(json_get(root, "a")->column, 8);
    const struct json *list = json_get(root, "b");

    assert_int_equal(list->items[1]->line, 4);
    assert_int_equal(list->items[1]->column, 10);
    json_free(root);
}

static void test_errors_have_position_and_cause(void **state)
{
    (void)state;
    expect_error("{\n\"a\" 1}", 8, "read test: line 2");
    expect_error("[1,]", 4, "unallowed token");
    expect_error("{}x", 3, "trailing garbage");
    expect_error("", 0, "premature EOF");
    expect_error("\"\xff\"", 3, "UTF8");
}

static void test_repeated_key(void **state)
{
    const char *text = "{\"a\":1,\"b\":2,\"a\":3}";

    (void)state;
    expect_error(text, strlen(text), "key 'a' twice");
}

static void test_nul_in_string(void **state)
{
    (void)state;
    expect_error("\"\\u0000\"", 8, "NUL");
}

static void test_half_a_surrogate_pair(void **state)
{
    static const char *const texts[] = {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\ud800\"",
                                        "\"\\ud83dx\\ude00\"", "{\"\\uDFFF\":1}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_error(texts[i], strlen(texts[i]), "surrogate");
    expect_rewritten("\"\\ud83d\\ude00 \\\\ud800 \\u00e9\"",
                     "\"\xf0\x9f\x98\x80 \\\\ud800 \xc3\xa9\"");
}

static void test_bytes_that_only_look_like_utf8(void **state)
{
    static const char *const texts[] = {"\"\xed\xb0\x80\"", "\"\xc0\x80\"", "\"\xe0\x80\xaf\"",
                                        "\"\xf4\x90\x80\x80\"", "{\"\xf7\xbf\xbf\xbf\":1}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_error(texts[i], strlen(texts[i]), "not UTF-8");
    expect_rewritten("\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\"", "\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\"");
}

/* As the body of an answer that has none. */
static void test_no_text(void **state)
{
    struct json *value = NULL;
    struct error *err = json_parse_lenient("test", NULL, 0, &value);

    (void)state;
    assert_non_null(err);
    error_free(err);
    expect_error(NULL, 0, "");
}

static void test_nesting_is_limited(void **state)
{
    char deep[200];

    (void)state;
    memset(deep, '[', sizeof deep);
    expect_error(deep, sizeof deep, "nested");
}

static void test_size_is_limited(void **state)
{
    char *large = malloc(JSON_SIZE_MAX + 1);

    (void)state;
    assert_non_null(large);
    memset(large, '[', JSON_SIZE_MAX + 1);
    expect_error(large, JSON_SIZE_MAX + 1, "larger");
    free(large);
}

static void test_set_replaces_in_place_and_remove(void **state)
{
    struct json *root = parse("{\"a\":1,\"b\":2,\"c\":3}");
    struct buffer out = {0};

    (void)state;
    json_set(root, "a", json_string("x"));
    json_remove(root, "b");
    json_set(root, "d", json_boolean(true));
    json_write(root, false, &out);
    assert_string_equal(out.data, "{\"a\":\"x\",\"c\":3,\"d\":true}");
    buffer_free(&out);
    json_free(root);
}

static void test_unsigned(void **state)
{
    struct json *root = parse("[0, 10, -1, 1.0, 11, 99999999999999999999, \"1\"]");
    uint64_t number = 77;

    (void)state;
    assert_true(json_to_unsigned(root->items[1], 10, &number));
    assert_int_equal(number, 10);
    for (size_t i = 2; i < root->count; i++)
        assert_false(json_to_unsigned(root->items[i], 10, &number));
    json_free(root);
}

static void test_copy_is_its_own(void **state)
{
    struct json *root = parse("{\"a\":[1,{\"b\":null}]}");
    struct json *copy = json_copy(root);
    struct buffer out = {0};

    (void)state;
    json_free(root);
    json_write(copy, false, &out);
    assert_string_equal(out.data, "{\"a\":[1,{\"b\":null}]}");
    buffer_free(&out);
    json_free(copy);
}

static void test_sort(void **state)
{
    struct json *object = json_object();
    struct buffer out = {0};

    (void)state;
    json_sort(object);
    json_set(object, "b", json_integer(1));
    json_set(object, "B", json_integer(2));
    json_set(object, "ab", json_integer(3));
    json_set(object, "a", json_integer(4));
    json_sort(object);
    json_write(object, false, &out);
    assert_string_equal(out.data, "{\"B\":2,\"a\":4,\"ab\":3,\"b\":1}");
    buffer_free(&out);
    json_free(object);
}

#define MANY 100000

/* As EXPOSE of all ports, whose members would be compared with one another for a minute. */
static void test_many_members(void **state)
{
    struct json *object = json_object(), *copy = NULL;
    char key[32];

    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MANY; i++) {
            snprintf(key, sizeof key, "%d/tcp", i);
            json_set(object, key, json_integer(i + round));
        }
    assert_int_equal(object->count, MANY);
    assert_string_equal(object->keys[99], "99/tcp");
    assert_string_equal(json_get(object, "99999/tcp")->text, "100000");
    assert_null(json_get(object, "100000/tcp"));
    json_rename(object, "7/tcp", "seven");
    json_rename(object, "7/tcp", "eight");
    assert_null(json_get(object, "7/tcp"));
    assert_string_equal(json_get(object, "seven")->text, "8");
    json_remove(object, "0/tcp");
    json_set(object, "1/tcp", json_null());
    assert_string_equal(object->keys[0], "1/tcp");
    assert_int_equal(json_get(object, "1/tcp")->type, JSON_NULL);
    json_sort(object);
    assert_string_equal(json_get(object, "2/tcp")->text, "3");
    json_set(object, "2/tcp", json_integer(5));
    json_adopt(object, strdup("last"), json_integer(6));
    copy = json_copy(object);
    assert_string_equal(json_get(object, "2/tcp")->text, "5");
    assert_string_equal(json_get(object, "last")->text, "6");
    assert_int_equal(copy->count, MANY);
    assert_string_equal(json_get(copy, "last")->text, "6");
    json_free(object);
    json_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_keep_order_and_text),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_errors_have_position_and_cause),
        cmocka_unit_test(test_repeated_key),
        cmocka_unit_test(test_nul_in_string),
        cmocka_unit_test(test_half_a_surrogate_pair),
        cmocka_unit_test(test_bytes_that_only_look_like_utf8),
        cmocka_unit_test(test_no_text),
        cmocka_unit_test(test_nesting_is_limited),
        cmocka_unit_test(test_size_is_limited),
        cmocka_unit_test(test_set_replaces_in_place_and_remove),
        cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_copy_is_its_own),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_many_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
