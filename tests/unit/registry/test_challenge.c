#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "host/registry/challenge.h"

static void parse(const char *first, const char *second, struct challenge *ret)
{
    struct http_answer answer = {.status = 401};

    strings_add(&answer.headers, "content-type: text/plain");
    strings_add(&answer.headers, first);
    if (second != NULL)
        strings_add(&answer.headers, second);
    challenge_parse(&answer, ret);
    http_answer_free(&answer);
}

static void test_bearer(void **state)
{
    struct challenge challenge;

    (void)state;
    parse("www-authenticate: Bearer realm=\"https://t/token\",service=\"r\",scope=\"a,b\"", NULL,
          &challenge);
    assert_true(challenge.bearer);
    assert_false(challenge.basic);
    assert_string_equal(challenge.realm, "https://t/token");
    assert_string_equal(challenge.service, "r");
    challenge_free(&challenge);
}

static void test_basic(void **state)
{
    struct challenge challenge;

    (void)state;
    parse("www-authenticate: basic realm=\"x\"", NULL, &challenge);
    assert_true(challenge.basic);
    assert_false(challenge.bearer);
    assert_null(challenge.realm);
    challenge_free(&challenge);
}

static void test_two_in_one_header(void **state)
{
    struct challenge challenge;

    (void)state;
    parse("www-authenticate: Basic realm=\"no\", Bearer realm=yes , service = \"s\"", NULL,
          &challenge);
    assert_true(challenge.basic);
    assert_true(challenge.bearer);
    assert_string_equal(challenge.realm, "yes");
    assert_string_equal(challenge.service, "s");
    challenge_free(&challenge);
}

static void test_two_headers(void **state)
{
    struct challenge challenge;

    (void)state;
    parse("www-authenticate: Negotiate", "www-authenticate: Bearer realm=\"a\\\"b\"", &challenge);
    assert_true(challenge.bearer);
    assert_string_equal(challenge.realm, "a\"b");
    challenge_free(&challenge);
}

static void test_first_counts(void **state)
{
    struct challenge challenge;

    (void)state;
    parse("www-authenticate: Bearer realm=\"a\",realm=\"b\"", NULL, &challenge);
    assert_string_equal(challenge.realm, "a");
    challenge_free(&challenge);
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {
        "www-authenticate:",
        "www-authenticate: ,,,",
        "www-authenticate: Bearer realm",
        "www-authenticate: Bearer realm=",
        "www-authenticate: Bearer realm=\"no end",
        "www-authenticate: Bearer realm=\"no end\\",
        "www-authenticate: =x",
        "www-authenticate: Bearer =",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct challenge challenge;

        parse(bad[i], NULL, &challenge);
        assert_null(challenge.realm);
        challenge_free(&challenge);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_basic),
        cmocka_unit_test(test_two_in_one_header),
        cmocka_unit_test(test_two_headers),
        cmocka_unit_test(test_first_counts),
        cmocka_unit_test(test_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
