/* Documents of images as Go reads them: keys in any case, repeated keys, text that is not Unicode.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/image/document.h"
#include "host/lib/json_text.h"

static void check(enum document_kind kind, const char *text, const char *expected)
{
    struct json *document = NULL;
    struct buffer out = {0};
    struct error *err = document_parse(kind, "d", text, strlen(text), &document);

    if (err != NULL)
        fail_msg("%s", err->message);
    json_write(document, false, &out);
    assert_string_equal(out.data, expected);
    buffer_free(&out);
    json_free(document);
}

static void test_keys_in_any_case(void **state)
{
    (void)state;
    check(DOCUMENT_CONFIG, "{\"OS\":\"linux\",\"Config\":{\"env\":[\"A=b\"],\"workingdir\":\"/\"}}",
          "{\"os\":\"linux\",\"config\":{\"Env\":[\"A=b\"],\"WorkingDir\":\"/\"}}");
    check(DOCUMENT_CONFIG, "{\"RootFS\":{\"Type\":\"layers\",\"DIFF_IDS\":[]},\"own\":{\"Env\":1}}",
          "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},\"own\":{\"Env\":1}}");
    check(DOCUMENT_MANIFEST, "{\"MediaType\":\"a\",\"LAYERS\":[{\"Digest\":\"d\"}]}",
          "{\"mediaType\":\"a\",\"layers\":[{\"digest\":\"d\"}]}");
    check(DOCUMENT_ARCHIVE, "[{\"config\":\"c\",\"repotags\":null,\"layers\":[]}]",
          "[{\"Config\":\"c\",\"RepoTags\":null,\"Layers\":[]}]");
}

static void test_keys_that_users_chose(void **state)
{
    (void)state;
    check(DOCUMENT_CONFIG, "{\"config\":{\"labels\":{\"ENV\":\"x\",\"env\":\"y\"}}}",
          "{\"config\":{\"Labels\":{\"ENV\":\"x\",\"env\":\"y\"}}}");
    check(DOCUMENT_MANIFEST, "{\"annotations\":{\"Size\":\"x\",\"size\":\"y\"}}",
          "{\"annotations\":{\"Size\":\"x\",\"size\":\"y\"}}");
}

static void test_repeated_keys(void **state)
{
    (void)state;
    check(DOCUMENT_CONFIG, "{\"os\":\"a\",\"x\":1,\"os\":\"b\"}", "{\"os\":\"b\",\"x\":1}");
    check(DOCUMENT_CONFIG, "{\"os\":\"a\",\"OS\":\"b\"}", "{\"os\":\"b\"}");
    check(DOCUMENT_CONFIG, "{\"config\":{\"Env\":[],\"User\":\"a\"},\"config\":{\"user\":\"b\"}}",
          "{\"config\":{\"Env\":[],\"User\":\"b\"}}");
    check(DOCUMENT_CONFIG,
          "{\"a\":{\"b\":{\"c\":1}},\"a\":{\"b\":{\"d\":2}},\"a\":{\"b\":{\"c\":3}}}",
          "{\"a\":{\"b\":{\"c\":3,\"d\":2}}}");
    check(DOCUMENT_CONFIG, "{\"a\":{\"b\":1},\"a\":null,\"a\":{\"c\":1}}", "{\"a\":{\"c\":1}}");
}

static void test_what_is_no_unicode(void **state)
{
    (void)state;
    check(DOCUMENT_CONFIG, "[\"\\ud800\",\"\\udc00x\",\"\\ud83d\\ude00\",\"\\\\ud800\"]",
          "[\"\xef\xbf\xbd\",\"\xef\xbf\xbdx\",\"\xf0\x9f\x98\x80\",\"\\\\ud800\"]");
    check(DOCUMENT_CONFIG, "[\"\\ud800\\ud83d\\ude00\"]", "[\"\xef\xbf\xbd\xf0\x9f\x98\x80\"]");
    check(DOCUMENT_CONFIG, "[\"a\xff\xc3\x28\xc3\xa4\"]",
          "[\"a\xef\xbf\xbd\xef\xbf\xbd(\xc3\xa4\"]");
}

static void test_what_is_no_json(void **state)
{
    static const char *const texts[] = {
        "", "{", "[\"\\ud8\"]", "[\"\\", "{}x", "[\"\\u0000\"]", "\"\xff", "[\xff]"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json *document = NULL;
        struct error *err =
            document_parse(DOCUMENT_CONFIG, "d", texts[i], strlen(texts[i]), &document);

        if (err == NULL)
            fail_msg("'%s' is not JSON", texts[i]);
        assert_int_equal(err != NULL ? err->code : 0, EXIT_INPUT);
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_in_any_case), cmocka_unit_test(test_keys_that_users_chose),
        cmocka_unit_test(test_repeated_keys),    cmocka_unit_test(test_what_is_no_unicode),
        cmocka_unit_test(test_what_is_no_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
