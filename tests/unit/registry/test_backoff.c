#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "host/registry/backoff.h"

static void test_retry_after(void **state)
{
    (void)state;
    assert_int_equal(backoff_retry_after("0", 1000), 0);
    assert_int_equal(backoff_retry_after("17", 1000), 17);
    assert_int_equal(backoff_retry_after("99999999999999999999", 1000), INT_MAX);
    assert_int_equal(backoff_retry_after("Thu, 01 Jan 1970 00:20:00 GMT", 1000), 200);
    assert_int_equal(backoff_retry_after("Thu, 01 Jan 1970 00:10:00 GMT", 1000), 0);
    assert_int_equal(backoff_retry_after("soon", 1000), -1);
    assert_int_equal(backoff_retry_after("-5", 1000), -1);
}

static bool again(struct backoff *backoff, int status, const char *header)
{
    struct http_answer answer = {.status = status};
    struct error *err = NULL;

    if (header != NULL)
        strings_add(&answer.headers, header);
    bool repeated = backoff_again(backoff, &answer, &err);

    assert_null(err);
    http_answer_free(&answer);
    return repeated;
}

static void test_statuses(void **state)
{
    struct backoff backoff = {0};

    (void)state;
    assert_false(again(&backoff, 200, NULL));
    assert_false(again(&backoff, 404, NULL));
    assert_false(again(&backoff, 501, NULL));
    assert_int_equal(backoff.tries, 0);
    assert_true(again(&backoff, 503, "retry-after: 0"));
    assert_int_equal(backoff.tries, 1);
}

static void test_gives_up(void **state)
{
    struct backoff backoff = {.tries = BACKOFF_TRIES_MAX - 1};

    (void)state;
    assert_false(again(&backoff, 429, NULL));
}

static void test_fewer_tries(void **state)
{
    struct backoff backoff = {.most = 2};

    (void)state;
    assert_true(again(&backoff, 503, "retry-after: 0"));
    assert_false(again(&backoff, 503, "retry-after: 0"));
}

static void test_too_long(void **state)
{
    struct backoff backoff = {0};

    (void)state;
    assert_false(again(&backoff, 429, "retry-after: 3600"));
}

static void test_errors(void **state)
{
    struct backoff backoff = {0};
    struct http_answer answer = {.transient = true};
    struct error *err = error_new(EXIT_NETWORK, "broken");

    (void)state;
    assert_true(backoff_again(&backoff, &answer, &err));
    assert_null(err);
    answer.transient = false;
    err = error_new(EXIT_NETWORK, "refused");
    assert_false(backoff_again(&backoff, &answer, &err));
    assert_string_equal(err->message, "refused");
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after), cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_gives_up),    cmocka_unit_test(test_fewer_tries),
        cmocka_unit_test(test_too_long),    cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
