/* Which frames of the guest pass, and what it is told of those that are rejected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <net/ethernet.h>
#include <netinet/in.h>

#include "guest/contract.h"
#include "host/network/packet_filter.h"

#define IP 14 /* where the parts of a frame begin */
#define DATA 34
#define FRAME_SIZE 74
#define MORE 0x20 /* of the flags, in the first byte of the fragment's offset */

#define OPEN_ADDRESS "1.1.1.1"

static const uint8_t guest_mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t gateway_mac[] = {0x52, 0x55, 10, 0, 2, 2};

static struct egress egress;
static uint8_t frame[FRAME_SIZE];
static struct packet_target target;

static void grant(const char *text)
{
    assert_null(egress_grant(&egress, text));
}

static int forget(void **state)
{
    (void)state;
    egress_free(&egress);
    return 0;
}

static void put_address(size_t at, const char *text)
{
    assert_int_equal(inet_pton(AF_INET, text, frame + at), 1);
}

/* Makes a frame of the guest with 40 bytes behind an IPv4 header. */
static void make(uint8_t protocol, const char *to, uint16_t port)
{
    memset(frame, 0, sizeof frame);
    memcpy(frame, gateway_mac, sizeof gateway_mac);
    memcpy(frame + 6, guest_mac, sizeof guest_mac);
    frame[12] = 8;
    frame[IP] = 0x45;
    frame[IP + 3] = FRAME_SIZE - IP;
    frame[IP + 6] = 0x40; /* don't fragment */
    frame[IP + 8] = 64;
    frame[IP + 9] = protocol;
    put_address(IP + 12, GUEST_NETWORK_ADDRESS);
    put_address(IP + 16, to);
    if (protocol == IPPROTO_ICMP) {
        frame[DATA] = 8; /* an echo request */
    } else {
        frame[DATA] = 0x99;
        frame[DATA + 2] = (uint8_t)(port >> 8);
        frame[DATA + 3] = (uint8_t)port;
    }
    for (size_t i = DATA + 4; i < DATA + 8; i++)
        frame[i] = (uint8_t)i;
}

static enum packet_verdict decide(void)
{
    return packet_filter(&egress, frame, sizeof frame, &target);
}

static enum packet_verdict verdict(uint8_t protocol, const char *to, uint16_t port)
{
    make(protocol, to, port);
    return decide();
}

static void expect_all(const char *to, uint16_t port, enum packet_verdict expected)
{
    assert_int_equal(verdict(IPPROTO_TCP, to, port), expected);
    assert_int_equal(verdict(IPPROTO_UDP, to, port), expected);
}

static void test_public_addresses_pass(void **state)
{
    (void)state;
    expect_all(OPEN_ADDRESS, 443, PACKET_PASSES);
    assert_int_equal(verdict(IPPROTO_ICMP, OPEN_ADDRESS, 0), PACKET_PASSES);
}

static void test_others_are_rejected_and_named(void **state)
{
    static const char *const addresses[] = {GUEST_NETWORK_GATEWAY, "10.1.2.3",   "172.16.0.1",
                                            "192.168.1.1",         "100.64.0.1", "169.254.169.254",
                                            "127.0.0.1",           "0.0.0.0",    "240.0.0.1"};
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        for (size_t j = 0; j < sizeof protocols; j++) {
            assert_int_equal(verdict(protocols[j], addresses[i], 8080), PACKET_REJECTED);
            assert_int_equal(target.protocol, protocols[j]);
            assert_int_equal(target.port, 8080);
            assert_int_equal(htonl(target.address), inet_addr(addresses[i]));
        }
    assert_int_equal(verdict(IPPROTO_ICMP, "192.168.1.1", 0), PACKET_REJECTED);
    assert_int_equal(target.port, 0);
}

static void test_grants(void **state)
{
    (void)state;
    grant("host:8080");
    grant("private");
    grant("169.254.169.254:80");
    expect_all(GUEST_NETWORK_GATEWAY, 8080, PACKET_PASSES);
    expect_all(GUEST_NETWORK_GATEWAY, 8081, PACKET_REJECTED);
    expect_all("192.168.1.1", 1, PACKET_PASSES);
    expect_all("169.254.169.254", 80, PACKET_PASSES);
    expect_all("169.254.169.254", 81, PACKET_REJECTED);
    assert_int_equal(verdict(IPPROTO_ICMP, "192.168.1.1", 0), PACKET_PASSES);
    assert_int_equal(verdict(IPPROTO_ICMP, "169.254.169.254", 0), PACKET_REJECTED);
}

/* It is asked whatever the grants are, and nothing else of it is. */
static void test_name_server(void **state)
{
    (void)state;
    for (int granted = 0; granted < 2; granted++) {
        expect_all(GUEST_NETWORK_NAMESERVER, 53, PACKET_PASSES);
        expect_all(GUEST_NETWORK_NAMESERVER, 80, PACKET_REJECTED);
        expect_all(GUEST_NETWORK_NAMESERVER, 0, PACKET_REJECTED);
        assert_int_equal(verdict(IPPROTO_ICMP, GUEST_NETWORK_NAMESERVER, 0), PACKET_PASSES);
        assert_int_equal(verdict(IPPROTO_ICMP, GUEST_NETWORK_GATEWAY, 0), PACKET_PASSES);
        grant("private");
        grant("host");
    }
    make(IPPROTO_UDP, GUEST_NETWORK_NAMESERVER, 53);
    frame[IP + 6] = MORE;
    assert_int_equal(decide(), PACKET_REJECTED);
}

/* Nobody is told, since nobody was asked alone. */
static void test_groups_are_dropped(void **state)
{
    (void)state;
    grant("0.0.0.0/0");
    grant("host");
    expect_all("255.255.255.255", 67, PACKET_DROPPED);
    expect_all("10.0.2.255", 137, PACKET_DROPPED);
    expect_all("224.0.0.251", 5353, PACKET_DROPPED);
}

static void test_no_ipv6_passes(void **state)
{
    static const char *const addresses[] = {"::1",
                                            "::",
                                            "fe80::1",
                                            "fc00::1",
                                            "fd00::1",
                                            "ff02::1",
                                            "::ffff:127.0.0.1",
                                            "::7f00:1",
                                            "64:ff9b::7f00:1",
                                            "2001:db8::1",
                                            "::ffff:1.1.1.1"};
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6, IPPROTO_ROUTING};

    (void)state;
    grant("host");
    grant("0.0.0.0/0");
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        for (size_t j = 0; j < sizeof protocols; j++) {
            make(IPPROTO_TCP, OPEN_ADDRESS, 80);
            frame[12] = ETHERTYPE_IPV6 >> 8;
            frame[13] = ETHERTYPE_IPV6 & 0xff;
            memset(frame + IP, 0, sizeof frame - IP);
            frame[IP] = 0x60;
            frame[IP + 5] = 20;
            frame[IP + 6] = protocols[j];
            frame[IP + 7] = 64;
            frame[IP + 8] = 0xfe; /* the source, fe80::2 */
            frame[IP + 9] = 0x80;
            frame[IP + 23] = 2;
            assert_int_equal(inet_pton(AF_INET6, addresses[i], frame + IP + 24), 1);
            assert_int_equal(decide(), PACKET_DROPPED);
        }
}

static void test_other_ethernet_is_dropped(void **state)
{
    static const uint16_t types[] = {0, 0x0600, 0x0801, ETHERTYPE_VLAN, 0x88a8, 0x88f8, 0xffff};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        make(IPPROTO_TCP, OPEN_ADDRESS, 80);
        frame[12] = (uint8_t)(types[i] >> 8);
        frame[13] = (uint8_t)types[i];
        assert_int_equal(decide(), PACKET_DROPPED);
    }
}

static void test_arp(void **state)
{
    static const uint8_t request[] = {0, 1, 8, 0, 6, 4, 0, 1};

    (void)state;
    make(IPPROTO_TCP, OPEN_ADDRESS, 80);
    frame[13] = ETHERTYPE_ARP & 0xff;
    memcpy(frame + IP, request, sizeof request);
    assert_int_equal(decide(), PACKET_PASSES);
    assert_int_equal(packet_filter(&egress, frame, IP + 28, &target), PACKET_PASSES);
    assert_int_equal(packet_filter(&egress, frame, IP + 27, &target), PACKET_DROPPED);
    for (size_t i = 0; i < sizeof request; i++) {
        frame[IP + i] ^= 0x40;
        assert_int_equal(decide(), PACKET_DROPPED);
        frame[IP + i] ^= 0x40;
    }
}

/* Changes one byte of a packet to an open address, which then no longer passes. */
static void expect_dropped(uint8_t protocol, size_t at, uint8_t value)
{
    make(protocol, OPEN_ADDRESS, 80);
    frame[at] = value;
    assert_int_equal(decide(), PACKET_DROPPED);
}

static void test_malformed_packets_are_dropped(void **state)
{
    (void)state;
    expect_dropped(IPPROTO_TCP, IP, 0x55);                    /* another version */
    expect_dropped(IPPROTO_TCP, IP, 0x44);                    /* a header too short */
    expect_dropped(IPPROTO_TCP, IP, 0x46);                    /* options */
    expect_dropped(IPPROTO_TCP, IP, 0x4f);                    /* the same */
    expect_dropped(IPPROTO_TCP, IP + 3, 19);                  /* shorter than its header */
    expect_dropped(IPPROTO_TCP, IP + 3, FRAME_SIZE - IP + 1); /* longer than the frame */
    expect_dropped(IPPROTO_TCP, IP + 2, 0xff);                /* the same */
    expect_dropped(IPPROTO_TCP, IP + 6, 0x80);                /* a flag that is reserved */
    expect_dropped(IPPROTO_TCP, IP + 15, 16);                 /* from another address */
    expect_dropped(IPPROTO_TCP, IP + 12, 127);                /* the same */
    expect_dropped(IPPROTO_TCP, IP + 9, IPPROTO_IPIP);        /* other protocols */
    expect_dropped(IPPROTO_TCP, IP + 9, IPPROTO_IPV6);        /* the same */
    expect_dropped(IPPROTO_TCP, IP + 9, IPPROTO_SCTP);        /* the same */
    expect_dropped(IPPROTO_TCP, IP + 3, DATA - IP + 19);      /* no whole header of TCP */
    expect_dropped(IPPROTO_UDP, IP + 3, DATA - IP + 7);       /* nor of UDP */
    expect_dropped(IPPROTO_ICMP, IP + 3, DATA - IP + 7);      /* nor of ICMP */
    expect_dropped(IPPROTO_ICMP, DATA, 5);                    /* a redirect */
    expect_dropped(IPPROTO_ICMP, DATA, 0);                    /* an answer nobody waits for */
}

/* Each prefix of a frame is read within its bounds (as AddressSanitizer sees), and dropped. */
static void test_short_frames_are_dropped(void **state)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};

    (void)state;
    for (size_t i = 0; i < sizeof protocols; i++)
        for (size_t length = 0; length < FRAME_SIZE; length++) {
            make(protocols[i], OPEN_ADDRESS, 80);
            uint8_t *copy = malloc(length + 1);

            memcpy(copy + 1, frame, length);
            assert_int_equal(packet_filter(&egress, copy + 1, length, &target), PACKET_DROPPED);
            free(copy);
        }
}

static void test_padding_is_ignored(void **state)
{
    (void)state;
    make(IPPROTO_UDP, "10.1.1.1", 80);
    frame[IP + 3] = DATA - IP + 8;
    assert_int_equal(decide(), PACKET_REJECTED);
    make(IPPROTO_UDP, OPEN_ADDRESS, 80);
    frame[IP + 3] = DATA - IP + 8;
    assert_int_equal(decide(), PACKET_PASSES);
}

/* A fragment's port is not known, or may be replaced by another fragment. */
static void test_fragments_need_all_ports(void **state)
{
    (void)state;
    grant("10.1.1.1:80");
    grant("10.2.2.2");
    make(IPPROTO_UDP, "10.1.1.1", 80);
    assert_int_equal(decide(), PACKET_PASSES);
    frame[IP + 6] = MORE;
    assert_int_equal(decide(), PACKET_REJECTED);
    assert_int_equal(target.port, 0);
    frame[IP + 6] = 0;
    frame[IP + 7] = 1; /* a later fragment, of which nobody is told */
    assert_int_equal(decide(), PACKET_DROPPED);
    make(IPPROTO_UDP, "10.2.2.2", 80);
    frame[IP + 6] = MORE;
    assert_int_equal(decide(), PACKET_PASSES);
    frame[IP + 7] = 1;
    assert_int_equal(decide(), PACKET_PASSES);
}

static uint16_t sum(const uint8_t *bytes, size_t length)
{
    uint32_t total = 0;

    for (size_t i = 0; i < length; i += 2)
        total += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    while (total > 0xffff)
        total = (total >> 16) + (total & 0xffff);
    return (uint16_t)total;
}

static void test_rejection(void **state)
{
    uint8_t answer[PACKET_REJECTION_SIZE];
    struct in_addr from;

    (void)state;
    inet_pton(AF_INET, GUEST_NETWORK_GATEWAY, &from);
    assert_int_equal(verdict(IPPROTO_TCP, "192.168.1.1", 80), PACKET_REJECTED);
    packet_rejection(frame, answer);
    assert_memory_equal(answer, guest_mac, 6);
    assert_memory_equal(answer + 6, gateway_mac, 6);
    assert_memory_equal(answer + 12, "\x08\0\x45", 3);
    assert_int_equal(answer[IP + 3], sizeof answer - IP);
    assert_int_equal(answer[IP + 9], IPPROTO_ICMP);
    assert_memory_equal(answer + IP + 12, &from, 4);
    assert_memory_equal(answer + IP + 16, frame + IP + 12, 4);
    assert_int_equal(sum(answer + IP, 20), 0xffff);
    assert_memory_equal(answer + DATA, "\x03\x0d", 2);
    assert_int_equal(sum(answer + DATA, sizeof answer - DATA), 0xffff);
    assert_memory_equal(answer + DATA + 8, frame + IP, 28);
}

static void test_rejection_of_a_fragment_without_data(void **state)
{
    uint8_t answer[PACKET_REJECTION_SIZE];

    (void)state;
    make(IPPROTO_TCP, "192.168.1.1", 80);
    frame[IP + 3] = 20;
    frame[IP + 6] = MORE;
    assert_int_equal(packet_filter(&egress, frame, DATA, &target), PACKET_REJECTED);
    packet_rejection(frame, answer);
    assert_memory_equal(answer + DATA + 8, frame + IP, 20);
    assert_memory_equal(answer + DATA + 28, "\0\0\0\0\0\0\0\0", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_public_addresses_pass, forget),
        cmocka_unit_test_teardown(test_others_are_rejected_and_named, forget),
        cmocka_unit_test_teardown(test_grants, forget),
        cmocka_unit_test_teardown(test_name_server, forget),
        cmocka_unit_test_teardown(test_groups_are_dropped, forget),
        cmocka_unit_test_teardown(test_no_ipv6_passes, forget),
        cmocka_unit_test_teardown(test_other_ethernet_is_dropped, forget),
        cmocka_unit_test_teardown(test_arp, forget),
        cmocka_unit_test_teardown(test_malformed_packets_are_dropped, forget),
        cmocka_unit_test_teardown(test_short_frames_are_dropped, forget),
        cmocka_unit_test_teardown(test_padding_is_ignored, forget),
        cmocka_unit_test_teardown(test_fragments_need_all_ports, forget),
        cmocka_unit_test_teardown(test_rejection, forget),
        cmocka_unit_test_teardown(test_rejection_of_a_fragment_without_data, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
