#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/build/host_network.h"

static void expect_proxy(const char *proxy, const char *expected)
{
    char *text = host_network_proxy(proxy, "GATEWAY");

    assert_string_equal(text, expected);
    free(text);
}

static void test_a_proxy_on_the_loopback_is_at_the_gateway(void **state)
{
    (void)state;
    expect_proxy("http://127.0.0.1:3128", "http://GATEWAY:3128");
    expect_proxy("http://localhost:3128/", "http://GATEWAY:3128/");
    expect_proxy("http://LocalHost", "http://GATEWAY");
    expect_proxy("http://me:p@ss@[::1]:80/x", "http://me:p@ss@GATEWAY:80/x");
    expect_proxy("127.0.1.1:8080", "GATEWAY:8080");
}

static void test_other_proxies_stay(void **state)
{
    (void)state;
    expect_proxy("http://proxy.example:3128", "http://proxy.example:3128");
    expect_proxy("http://localhost.example:1", "http://localhost.example:1");
    expect_proxy("http://127.0.0.1.example:1", "http://127.0.0.1.example:1");
    expect_proxy("http://proxy.example/@127.0.0.1", "http://proxy.example/@127.0.0.1");
    expect_proxy("", "");
}

static void clear_variables(void)
{
    static const char *const names[] = {
        "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
        "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

static void test_environment(void **state)
{
    static const char expected[] = "http_proxy=mine\0no_proxy=127.0.0.1:80";
    struct buffer environment = {0};

    (void)state;
    clear_variables();
    setenv("http_proxy", "http://theirs", 1);
    setenv("no_proxy", "127.0.0.1:80", 1);
    buffer_append(&environment, "http_proxy=mine", sizeof "http_proxy=mine");
    host_network_environment(false, "GATEWAY", &environment);
    assert_int_equal(environment.length, sizeof expected);
    assert_memory_equal(environment.data, expected, sizeof expected);
    buffer_free(&environment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_proxy_on_the_loopback_is_at_the_gateway),
        cmocka_unit_test(test_other_proxies_stay),
        cmocka_unit_test(test_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
