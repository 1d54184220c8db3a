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

/* Whether PROXY grants EXPECTED and nothing else. */
static void expect_grants(const char *proxy, const char *expected)
{
    struct strings grants = {0};
    struct buffer text = {0};

    host_network_grant_proxy(proxy, &grants);
    for (size_t i = 0; i < grants.count; i++)
        buffer_printf(&text, "%s%s", i > 0 ? " " : "", grants.items[i]);
    assert_string_equal(text.data != NULL ? text.data : "", expected);
    strings_free(&grants);
    buffer_free(&text);
}

static void test_a_proxy_is_granted_with_its_port(void **state)
{
    (void)state;
    expect_grants("http://10.1.2.3:3128", "10.1.2.3:3128");
    expect_grants("http://me:p@ss@10.1.2.3:3128/x:1", "10.1.2.3:3128");
    expect_grants("socks5h://192.168.1.1:1080/", "192.168.1.1:1080");
    expect_grants("10.1.2.3:8080", "10.1.2.3:8080");
    expect_grants("http://10.1.2.3", "10.1.2.3:80 10.1.2.3:443 10.1.2.3:1080");
    expect_grants("http://127.0.0.1:3128", "127.0.0.1:3128");
    expect_grants("http://LOCALHOST:3128", "127.0.0.1:3128");
    expect_grants("http://[::1]:3128/", "127.0.0.1:3128");
    expect_grants("http://[fd00::1]:3128/", "");
    expect_grants("http://10.1.2.3:99999", "");
    expect_grants("http://:80", "");
    expect_grants("", "");
}

static void test_the_environment_grants_its_proxies(void **state)
{
    struct strings grants = {0};

    (void)state;
    clear_variables();
    setenv("http_proxy", "http://10.1.1.1:1", 1);
    setenv("HTTPS_PROXY", "http://10.1.1.1:1", 1);
    setenv("all_proxy", "http://10.1.1.1:2", 1);
    setenv("no_proxy", "10.2.2.2:3", 1);
    host_network_grants(&grants);
    clear_variables();
    assert_int_equal(grants.count, 2);
    assert_string_equal(grants.items[0], "10.1.1.1:1");
    assert_string_equal(grants.items[1], "10.1.1.1:2");
    strings_free(&grants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_proxy_on_the_loopback_is_at_the_gateway),
        cmocka_unit_test(test_other_proxies_stay),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_a_proxy_is_granted_with_its_port),
        cmocka_unit_test(test_the_environment_grants_its_proxies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
