#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/registry/url.h"

static void check_resolve(const char *base, const char *target, const char *expected)
{
    char *url = url_resolve(base, target);

    if (expected == NULL)
        assert_null(url);
    else
        assert_string_equal(url, expected);
    free(url);
}

static void test_resolve(void **state)
{
    (void)state;
    check_resolve("https://a/v2/x", "/y?z=1", "https://a/y?z=1");
    check_resolve("https://a/v2/x", "y", "https://a/v2/y");
    check_resolve("https://a:5000/v2/x", "https://b/y", "https://b/y");
    check_resolve("https://a/v2/x", "", "https://a/v2/x");
}

static void test_resolve_refuses(void **state)
{
    char *longest = malloc(URL_MAX + 2);

    (void)state;
    assert_non_null(longest);
    memset(longest, 'a', URL_MAX + 1);
    longest[URL_MAX + 1] = '\0';
    check_resolve("https://a/", "file:///etc/passwd", NULL);
    check_resolve("https://a/", "ftp://b/", NULL);
    check_resolve("a/b", "/c", NULL);
    check_resolve("https://a/", longest, NULL);
    free(longest);
}

/* Credentials that a server puts into a URL are not sent. */
static void test_resolve_drops_credentials(void **state)
{
    (void)state;
    check_resolve("https://a/", "https://user:secret@b/y#part", "https://b/y");
}

static void test_add_query(void **state)
{
    char *url = url_add_query("https://a/u?_state=x%3D", "digest", "sha256:ab&c");

    (void)state;
    /* curl's versions differ in the case of hex digits. */
    assert_int_equal(strcasecmp(url, "https://a/u?_state=x%3D&digest=sha256%3Aab%26c"), 0);
    free(url);
}

static void test_same_origin(void **state)
{
    (void)state;
    assert_true(url_same_origin("https://a/x", "https://A:443/y"));
    assert_false(url_same_origin("https://a/x", "http://a/x"));
    assert_false(url_same_origin("https://a/x", "https://a:444/x"));
    assert_false(url_same_origin("https://a/x", "https://a.b/x"));
    assert_false(url_same_origin("https://a/x", "nonsense"));
}

static void test_loopback(void **state)
{
    static const char *const local[] = {"http://localhost/", "http://LOCALHOST:5000/",
                                        "http://127.0.0.1:1/", "https://127.9.8.7/",
                                        "http://[::1]:80/"};
    static const char *const remote[] = {"http://example.com/", "http://127.0.0.1.example.com/",
                                         "http://128.0.0.1/",   "http://localhost.example.com/",
                                         "http://[::2]/",       "http://127.0.0.1@example.com/"};

    (void)state;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        assert_true(url_is_loopback(local[i]));
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        assert_false(url_is_loopback(remote[i]));
}

/* Signed URLs carry secrets in their query. */
static void test_origin(void **state)
{
    char *with_port = url_origin("https://a:5000/x?signature=1");
    char *without = url_origin("https://a/x?signature=1");

    (void)state;
    assert_string_equal(with_port, "a:5000");
    assert_string_equal(without, "a");
    free(with_port);
    free(without);
}

/* The file at URL is called NAME; NULL: nothing. */
static void is_called(const char *url, const char *name)
{
    char *found = url_file_name(url);

    if (name == NULL)
        assert_null(found);
    else
        assert_string_equal(found, name);
    free(found);
}

static void test_file_names(void **state)
{
    (void)state;
    is_called("https://a/b/c.tar.gz?x=/y#z/w", "c.tar.gz");
    is_called("http://a/b%20c", "b c");
    is_called("http://a/b%2Fc", NULL);
    is_called("http://a/b/", NULL);
    is_called("http://a", NULL);
    is_called("http://a/%2e%2e", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_resolve_refuses),
        cmocka_unit_test(test_resolve_drops_credentials),
        cmocka_unit_test(test_add_query),
        cmocka_unit_test(test_same_origin),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_file_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
