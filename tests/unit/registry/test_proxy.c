#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "host/registry/proxy.h"

static int clear(void **state)
{
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY",
                                        "REQUEST_METHOD"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    return 0;
}

static void test_capitals(void **state)
{
    (void)state;
    assert_null(proxy_find("http://a/"));
    setenv("HTTP_PROXY", "http://proxy:1", 1);
    assert_string_equal(proxy_find("http://a/"), "http://proxy:1");
    assert_null(proxy_find("https://a/"));
    setenv("http_proxy", "http://other:1", 1);
    assert_null(proxy_find("http://a/")); /* libcurl finds that one */
}

/* There the variable is the client's. */
static void test_cgi(void **state)
{
    (void)state;
    setenv("HTTP_PROXY", "http://proxy:1", 1);
    setenv("REQUEST_METHOD", "GET", 1);
    assert_null(proxy_find("http://a/"));
}

static void test_ports(void **state)
{
    (void)state;
    setenv("NO_PROXY", "other:1, a.example:5000 .b.example:80,*.c.example:443,[fd00::1]:5000", 1);
    assert_true(proxy_is_bypassed("http://a.example:5000/v2/"));
    assert_true(proxy_is_bypassed("https://x.A.example:5000/"));
    assert_true(proxy_is_bypassed("http://x.b.example/"));
    assert_true(proxy_is_bypassed("https://x.c.example/"));
    assert_true(proxy_is_bypassed("http://[fd00::1]:5000/"));
    assert_false(proxy_is_bypassed("http://a.example/"));
    assert_false(proxy_is_bypassed("http://a.example:50/"));
    assert_false(proxy_is_bypassed("http://ba.example:5000/"));
    assert_false(proxy_is_bypassed("https://x.b.example/"));
    assert_false(proxy_is_bypassed("http://[fd00::2]:5000/"));
    setenv("no_proxy", "nothing:1", 1); /* it comes first, as in libcurl */
    assert_false(proxy_is_bypassed("http://a.example:5000/v2/"));
}

static void test_loopback(void **state)
{
    (void)state;
    assert_true(proxy_is_bypassed("http://localhost:5000/"));
    assert_false(proxy_is_bypassed("http://a.example:5000/"));
}

#define TEST(function) cmocka_unit_test_setup(function, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_capitals),
        TEST(test_cgi),
        TEST(test_ports),
        TEST(test_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
