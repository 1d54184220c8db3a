/* What is wrong with JSON that somebody has written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/lib/json_mistake.h"
#include "host/lib/json_text.h"

/* A document, a part of the advice on it, and the place that the message names. */
static const struct {
    const char *text, *advice;
    unsigned int line, column;
} cases[] = {
    {"{\"a\": \"one\ntwo\"}", "write \\n", 1, 11},
    {"{\"a\": \"one\ttwo\"}", "\\t", 1, 11},
    {"{\n  \"a\": 1,\n}", "leave out the comma", 2, 9},
    {"{\"a\": [1, 2,]}", "leave out the comma", 1, 12},
    {"{\"a\": [1,, 2]}", "leave out the comma", 1, 10},
    {"{,\"a\": 1}", "leave out the comma", 1, 2},
    {"{'a': 1}", "double quotes", 1, 2},
    {"{\"a\": 'x'}", "double quotes", 1, 7},
    {"{\"a\": `x`}", "double quotes", 1, 7},
    {"{\xe2\x80\x9c"
     "a\xe2\x80\x9d: 1}",
     "double quotes", 1, 2},
    {"{a: 1}", "double quotes", 1, 2},
    {"{\"a\": debian.tar}", "double quotes", 1, 7},
    {"{\"a\": /tmp/x}", "double quotes", 1, 7},
    {"// x\n{\"a\": 1}", "comments", 1, 1},
    {"{ # x\n\"a\": 1}", "comments", 1, 3},
    {"{\"a\": 1, /* x */ \"b\": 2}", "comments", 1, 10},
    {"# a comment\nname: x\n", "YAML", 2, 1},
    {"name: x\ntag: y\n", "YAML", 1, 1},
    {"---\nname: x\n", "YAML", 1, 1},
    {"- name: x\n", "YAML", 1, 1},
    {"name = \"x\"\n", "not JSON", 1, 1},
    {"FROM debian\nRUN x\n", "Dockerfile", 1, 1},
    {"<html>", "not JSON", 1, 1},
    {"", "empty", 1, 1},
    {" \n", "empty", 1, 1},
    {"{\"a\" \"b\"}", "a colon is missing", 1, 6},
    {"{\"a\": \"b\" \"c\": 1}", "a comma or a colon is missing", 1, 11},
    {"{\"a\": 1\n\"b\": 2}", "a comma or a colon is missing", 2, 1},
    {"{\"a\": 1 {", "a comma is missing", 1, 9},
    {"{\"a\" = 1}", "colon between", 1, 6},
    {"{\"a\": 1; \"b\": 2}", "comma between", 1, 8},
    {"{\"a\": True}", "lower case", 1, 7},
    {"{\"a\": None}", "lower case", 1, 7},
    {"{\"a\": yes}", "lower case", 1, 7},
    {"{\"a\": 0755}", "a mode is a string", 1, 7},
    {"{\"a\": 0x1f}", "does not begin with 0", 1, 7},
    {"{\"a\": 10G}", "no unit", 1, 7},
    {"{\"a\": 1_000}", "digits only", 1, 7},
    {"{\"a\": +1}", "plus sign", 1, 7},
    {"{\"a\": \"C:\\dir\"}", "\\\\", 1, 10},
    {"{\"a\": \"say \"hi\" now\"}", "write a quote", 1, 13},
    {"{\"a\": \"b}", "closing quote", 1, 7},
    {"{\"a\": [1, 2}", "lists with ]", 1, 12},
    {"{\"a\": 1", "missing at the end", 1, 8},
    {"{\"a\": 1}\n{\"b\": 2}", NULL, 0, 0},
    {"{\"a\": 1}}", "no opening one", 1, 9},
    {"{\"a\": (1, 2)}", "square brackets", 1, 7},
    {"\xff\xfe{\0", "UTF-8", 1, 1},
    {"\x1f\x8b\x08", "not a text file", 1, 1},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json *value = NULL;
        struct error *err = json_parse("x", cases[i].text, strlen(cases[i].text), &value);

        if (err == NULL) {
            fail_msg("accepted: %s", cases[i].text);
            continue;
        }
        if (cases[i].advice == NULL) {
            error_free(err);
            continue;
        }
        if (err->advice == NULL || strstr(err->advice, cases[i].advice) == NULL)
            fail_msg("%s: the advice '%s' lacks '%s'", cases[i].text,
                     err->advice != NULL ? err->advice : "(none)", cases[i].advice);
        char place[64];

        snprintf(place, sizeof place, "line %u, column %u:", cases[i].line, cases[i].column);
        if (strstr(err->message, place) == NULL)
            fail_msg("%s: '%s' lacks '%s'", cases[i].text, err->message, place);
        error_free(err);
    }
}

/* Nothing is wrong with these: a document that yajl refuses for another reason gets no advice that
 * is wrong. */
static void test_valid_documents(void **state)
{
    static const char *const valid[] = {
        "{}",
        "[]",
        "{\"a\": [1, -2.5e3, true, false, null, \"\\u00e9\\n\\\\\"]}",
        "{\"a\": {\"b\": [{}, []]}, \"c\": \"x, y: {z} # // no\"}",
        "\"x\"",
        "12"};

    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        struct json_mistake mistake;

        json_mistake_find(valid[i], strlen(valid[i]), &mistake);
        if (mistake.advice != NULL)
            fail_msg("%s: %s", valid[i], mistake.advice);
    }
}

/* Whatever the bytes are, the search ends. */
static void test_any_bytes(void **state)
{
    static const char bytes[] = "{}[],:\"'#/\\ntf01-\n \xef\xbb\xbf\xe2\x80\x9cx=";
    char text[6];
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        struct json_mistake mistake;

        for (size_t j = 0; j < sizeof text; j++) {
            seed = seed * 1664525 + 1013904223;
            text[j] = bytes[(seed >> 16) % sizeof bytes]; /* NUL among them */
        }
        json_mistake_find(text, sizeof text, &mistake);
        assert_true(mistake.offset <= sizeof text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_valid_documents),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
