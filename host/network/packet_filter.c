#include "host/network/packet_filter.h"

#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <string.h>

#include "guest/contract.h"

#define ARP_SIZE 28 /* bytes, of Ethernet and IPv4 */
#define DNS_PORT 53

#define QUOTED 8 /* bytes of the rejected packet behind its header (RFC 792) */

static uint16_t read_16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read_32(const uint8_t *bytes)
{
    return (uint32_t)read_16(bytes) << 16 | read_16(bytes + 2);
}

/* Whether the PACKET of LENGTH bytes asks for an Ethernet address, or answers (RFC 826). */
static bool is_arp(const uint8_t *packet, size_t length)
{
    static const uint8_t kind[] = {0, 1, ETHERTYPE_IP >> 8, ETHERTYPE_IP & 0xff, 6, 4};

    return length >= ARP_SIZE && memcmp(packet, kind, sizeof kind) == 0 &&
           (read_16(packet + 6) == 1 || read_16(packet + 6) == 2);
}

/* Whether the PACKET has a header of IPv4 (RFC 791) without options, from the guest, and is whole;
 * there may be padding after it. */
static bool is_ipv4(const uint8_t *packet, size_t length)
{
    size_t total;

    if (length < sizeof(struct ip) || packet[0] != 0x45)
        return false;
    total = read_16(packet + 2);
    return total >= sizeof(struct ip) && total <= length && (read_16(packet + 6) & IP_RF) == 0 &&
           read_32(packet + 12) == GUEST_NUMBER(NETWORK_ADDRESS);
}

/* Sets *RET to where the packet goes. Returns false if it is of another protocol, or too short for
 * its own. */
static bool find_target(const uint8_t *packet, struct packet_target *ret)
{
    const uint8_t *data = packet + sizeof(struct ip);
    size_t length = read_16(packet + 2) - sizeof(struct ip);

    *ret = (struct packet_target){.address = read_32(packet + 16), .protocol = packet[9]};
    if (ret->protocol != IPPROTO_TCP && ret->protocol != IPPROTO_UDP &&
        ret->protocol != IPPROTO_ICMP)
        return false;
    if ((read_16(packet + 6) & (IP_MF | IP_OFFMASK)) != 0)
        return true;
    switch (ret->protocol) {
    case IPPROTO_TCP:
        ret->port = length >= sizeof(struct tcphdr) ? read_16(data + 2) : 0;
        return length >= sizeof(struct tcphdr);
    case IPPROTO_UDP:
        ret->port = length >= sizeof(struct udphdr) ? read_16(data + 2) : 0;
        return length >= sizeof(struct udphdr);
    default:
        return length >= ICMP_MINLEN && data[0] == ICMP_ECHO;
    }
}

static bool is_allowed(const struct egress *egress, const struct packet_target *target)
{
    if (target->address == GUEST_NUMBER(NETWORK_NAMESERVER))
        return target->protocol == IPPROTO_ICMP || target->port == DNS_PORT;
    if (target->address == GUEST_NUMBER(NETWORK_GATEWAY) && target->protocol == IPPROTO_ICMP)
        return true;
    return egress_allows(egress, target->address, target->port);
}

enum packet_verdict packet_filter(const struct egress *egress, const uint8_t *frame, size_t length,
                                  struct packet_target *ret)
{
    const uint8_t *packet = frame + ETHER_HDR_LEN;
    struct packet_target target;

    if (length < ETHER_HDR_LEN)
        return PACKET_DROPPED;
    length -= ETHER_HDR_LEN;
    if (read_16(frame + 12) == ETHERTYPE_ARP)
        return is_arp(packet, length) ? PACKET_PASSES : PACKET_DROPPED;
    if (read_16(frame + 12) != ETHERTYPE_IP || !is_ipv4(packet, length) ||
        !find_target(packet, &target) || egress_kind_of(egress, target.address) == EGRESS_GROUP)
        return PACKET_DROPPED;
    if (is_allowed(egress, &target))
        return PACKET_PASSES;
    if ((read_16(packet + 6) & IP_OFFMASK) != 0) /* to the first fragment alone (RFC 1122, 3.2.2) */
        return PACKET_DROPPED;
    *ret = target;
    return PACKET_REJECTED;
}

/* Writes the checksum (RFC 1071) of LENGTH bytes, an even number, to RET, which is 0 so far. */
static void write_checksum(const uint8_t *bytes, size_t length, uint8_t *ret)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < length; i += 2)
        sum += read_16(bytes + i);
    sum = (sum >> 16) + (sum & 0xffff);
    sum += sum >> 16;
    ret[0] = (uint8_t)(~sum >> 8);
    ret[1] = (uint8_t)~sum;
}

void packet_rejection(const uint8_t *frame, uint8_t ret[PACKET_REJECTION_SIZE])
{
    enum { IP = ETHER_HDR_LEN, ICMP = IP + sizeof(struct ip), QUOTE = ICMP + ICMP_MINLEN };
    static const uint8_t gateway[] = {GUEST_NETWORK_GATEWAY_IS(GUEST_ADDRESS_BYTES)};
    const uint8_t *packet = frame + IP;
    size_t data = read_16(packet + 2) - sizeof(struct ip);

    _Static_assert(PACKET_REJECTION_SIZE == QUOTE + sizeof(struct ip) + QUOTED, "all parts");
    memset(ret, 0, PACKET_REJECTION_SIZE);
    memcpy(ret, frame + ETHER_ADDR_LEN, ETHER_ADDR_LEN);
    memcpy(ret + ETHER_ADDR_LEN, frame, ETHER_ADDR_LEN);
    memcpy(ret + 12, frame + 12, 2);
    ret[IP] = 0x45;
    ret[IP + 3] = PACKET_REJECTION_SIZE - IP;
    ret[IP + 8] = IPDEFTTL;
    ret[IP + 9] = IPPROTO_ICMP;
    memcpy(ret + IP + 12, gateway, sizeof gateway);
    memcpy(ret + IP + 16, packet + 12, 4);
    write_checksum(ret + IP, sizeof(struct ip), ret + IP + 10);
    ret[ICMP] = ICMP_DEST_UNREACH;
    ret[ICMP + 1] = ICMP_PKT_FILTERED;
    memcpy(ret + QUOTE, packet, sizeof(struct ip) + (data < QUOTED ? data : QUOTED));
    write_checksum(ret + ICMP, PACKET_REJECTION_SIZE - ICMP, ret + ICMP + 2);
}
