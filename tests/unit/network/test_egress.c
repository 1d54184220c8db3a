/* What the guest may reach, without and with grants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "guest/contract.h"
#include "host/network/egress.h"

#define OWN "10.9.8.7"          /* addresses of the host */
#define OWN_PUBLIC "192.0.2.77" /* one that other hosts reach, too */

static uint32_t number(const char *text)
{
    struct in_addr address;

    assert_int_equal(inet_pton(AF_INET, text, &address), 1);
    return ntohl(address.s_addr);
}

static struct egress make(const char *first, const char *second)
{
    const char *const grants[] = {first, second};
    struct egress egress = {0};

    egress_add_own(&egress, number("127.0.0.1"));
    egress_add_own(&egress, number(OWN));
    egress_add_own(&egress, number(OWN_PUBLIC));
    for (size_t i = 0; i < sizeof grants / sizeof *grants; i++)
        if (grants[i] != NULL)
            assert_null(egress_grant(&egress, grants[i]));
    return egress;
}

/* Whether GRANT, and SECOND unless it is NULL, allow PORT of ADDRESS. */
static bool allowed(const char *grant, const char *second, const char *address, uint16_t port)
{
    struct egress egress = make(grant, second);
    bool is_allowed = egress_allows(&egress, number(address), port);

    egress_free(&egress);
    return is_allowed;
}

static void test_public_addresses_are_open(void **state)
{
    static const char *const open[] = {
        "1.1.1.1",     "9.255.255.255",  "11.0.0.0",   "100.63.255.255",
        "100.128.0.0", "126.0.0.1",      "128.0.0.1",  "169.253.255.255",
        "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.1.1",
        "192.169.0.0", "192.0.2.1",      "223.1.1.1",  "168.63.129.17"};

    (void)state;
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        assert_true(allowed(NULL, NULL, open[i], 80));
        assert_true(allowed(NULL, NULL, open[i], 0));
    }
}

static const struct {
    const char *address;
    const char *grant;
} closed[] = {
    {GUEST_NETWORK_GATEWAY, "host"},
    {OWN, "host"},
    {OWN_PUBLIC, "host"},
    {"10.0.0.0", "private"},
    {"10.255.255.255", "private"},
    {"172.16.0.1", "private"},
    {"172.31.255.255", "private"},
    {"192.168.0.1", "private"},
    {"192.168.255.255", "private"},
    {"100.64.0.1", "private"},
    {"100.127.255.255", "private"},
    {"100.100.100.200", "private"},
    {"169.254.169.254", "link-local"},
    {"169.254.0.0", "link-local"},
    {"169.254.255.255", "link-local"},
    {"168.63.129.16", "link-local"},
    {"192.0.0.192", "link-local"},
};

static void test_each_kind_has_its_grant(void **state)
{
    static const char *const grants[] = {"host", "private", "link-local"};

    (void)state;
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        assert_false(allowed(NULL, NULL, closed[i].address, 80));
        for (size_t j = 0; j < sizeof grants / sizeof *grants; j++)
            assert_int_equal(allowed(grants[j], NULL, closed[i].address, 80),
                             strcmp(grants[j], closed[i].grant) == 0);
        assert_true(allowed("private:1", closed[i].grant, closed[i].address, 80));
        assert_true(allowed(closed[i].address, NULL, closed[i].address, 80));
    }
}

static void test_what_is_no_place_cannot_be_granted(void **state)
{
    static const char *const none[] = {
        "0.0.0.0",         "0.1.2.3",   "127.0.0.1",       "127.9.9.9",       "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.254", "255.255.255.255", "10.0.2.255"};

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(allowed("host", "private", none[i], 80));
        assert_false(allowed("0.0.0.0/0", "host", none[i], 80));
        assert_false(allowed(none[i], NULL, none[i], 80));
    }
}

static void test_a_port_is_granted_alone(void **state)
{
    (void)state;
    assert_true(allowed("private:443", NULL, "10.1.1.1", 443));
    assert_false(allowed("private:443", NULL, "10.1.1.1", 80));
    assert_false(allowed("private:443", NULL, "10.1.1.1", 0));
    assert_true(allowed("host:8080", NULL, GUEST_NETWORK_GATEWAY, 8080));
    assert_false(allowed("host:8080", NULL, GUEST_NETWORK_GATEWAY, 8081));
    assert_true(allowed("169.254.169.254:80", NULL, "169.254.169.254", 80));
    assert_false(allowed("169.254.169.254:80", NULL, "169.254.169.254", 443));
    assert_false(allowed("169.254.169.254:80", NULL, "169.254.169.253", 80));
}

static void test_a_range_is_granted(void **state)
{
    (void)state;
    assert_true(allowed("10.1.0.0/16", NULL, "10.1.255.255", 80));
    assert_false(allowed("10.1.0.0/16", NULL, "10.2.0.0", 80));
    assert_true(
        allowed("10.1.2.3/16", NULL, "10.1.0.0", 80)); /* bits beyond the range are ignored */
    assert_true(allowed("0.0.0.0/0", NULL, "192.168.1.1", 80));
    assert_true(allowed("192.168.7.0/24:22", NULL, "192.168.7.9", 22));
    assert_false(allowed("192.168.7.0/24:22", NULL, "192.168.7.9", 23));
}

/* A range that happens to contain the gateway or an address of the host is not meant for it. */
static void test_a_range_does_not_open_the_host(void **state)
{
    (void)state;
    assert_false(allowed("10.0.0.0/8", "private", GUEST_NETWORK_GATEWAY, 80));
    assert_false(allowed("0.0.0.0/0", NULL, GUEST_NETWORK_GATEWAY, 80));
    assert_false(allowed("10.9.8.0/24", NULL, OWN, 80));
    assert_true(allowed(OWN, NULL, OWN, 80));
    assert_false(allowed(OWN, NULL, GUEST_NETWORK_GATEWAY, 80));
}

static void test_the_loopback_is_at_the_gateway(void **state)
{
    (void)state;
    assert_true(allowed("127.0.0.1:80", NULL, GUEST_NETWORK_GATEWAY, 80));
    assert_false(allowed("127.0.0.1:80", NULL, GUEST_NETWORK_GATEWAY, 81));
    assert_false(allowed("127.0.0.1:80", NULL, OWN, 80));
    assert_true(allowed("127.0.0.0/8", NULL, GUEST_NETWORK_GATEWAY, 80));
}

static void test_whether_the_loopback_is_open_is_known(void **state)
{
    static const struct {
        const char *grant;
        bool opens;
    } grants[] = {{NULL, false},
                  {"private", false},
                  {"10.0.0.0/8", false},
                  {"0.0.0.0/0", false},
                  {OWN, false},
                  {"host", true},
                  {"host:1", true},
                  {"127.0.0.1:1", true},
                  {"127.0.0.1", true},
                  {"link-local", false},
                  {GUEST_NETWORK_GATEWAY, true}};

    (void)state;
    for (size_t i = 0; i < sizeof grants / sizeof *grants; i++) {
        struct egress egress = make(grants[i].grant, NULL);

        assert_int_equal(egress_allows_loopback(&egress), grants[i].opens);
        egress_free(&egress);
    }
}

static void test_other_words_are_refused(void **state)
{
    static const char *const words[] = {
        "",           "all",         "Host",        "host:",         "host:0",         "host:65536",
        "host:x",     "host:-1",     "host:+1",     "host: 1",       "host:000001",    "private/8",
        "10.0.0.0/",  "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8",  "10.0.0",         "010.0.0.1",
        "10.0.0.256", " 10.0.0.1",   "10.0.0.1 ",   "::1",           "[::1]:80",       "fc00::/7",
        "fe80::1",    "example.com", "host:1:2",    "10.0.0.1:80/8", "::ffff:1.2.3.4", ":80"};

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct egress egress = {0};
        struct error *err = egress_grant(&egress, words[i]);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_USAGE);
        assert_non_null(strstr(err->message, "must be host, private, link-local or ADDRESS"));
        assert_int_equal(egress.grant_count, 0);
        error_free(err);
        egress_free(&egress);
    }
}

static void test_the_hosts_addresses_are_found(void **state)
{
    struct egress egress = {0};

    (void)state;
    assert_true(egress_find_own(&egress));
    assert_true(egress.own_count > 0); /* the loopback's */
    egress_free(&egress);
}

static void test_texts(void **state)
{
    char *text = egress_address_text(number("169.254.0.255"));

    (void)state;
    assert_string_equal(text, "169.254.0.255");
    assert_string_equal(egress_grant_name(EGRESS_HOST), "host");
    assert_null(egress_grant_name(EGRESS_NOWHERE));
    assert_null(egress_grant_name(255));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_addresses_are_open),
        cmocka_unit_test(test_each_kind_has_its_grant),
        cmocka_unit_test(test_what_is_no_place_cannot_be_granted),
        cmocka_unit_test(test_a_port_is_granted_alone),
        cmocka_unit_test(test_a_range_is_granted),
        cmocka_unit_test(test_a_range_does_not_open_the_host),
        cmocka_unit_test(test_the_loopback_is_at_the_gateway),
        cmocka_unit_test(test_whether_the_loopback_is_open_is_known),
        cmocka_unit_test(test_other_words_are_refused),
        cmocka_unit_test(test_the_hosts_addresses_are_found),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
