/* The packet filter: what passes goes where it may, as read in another way, and what is rejected
 * can be answered. */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/contract.h"
#include "host/lib/error.h"
#include "host/network/packet_filter.h"

#define IP_AT 14 /* behind the Ethernet header */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_passed(const struct egress *egress, const uint8_t *frame, size_t size)
{
    struct ip ip;

    if (frame[12] == 8 && frame[13] == 6) /* ARP */
        return;
    if (size < IP_AT + sizeof ip)
        abort();
    memcpy(&ip, frame + IP_AT, sizeof ip);
    uint32_t to = ntohl(ip.ip_dst.s_addr);
    bool has_port = ip.ip_p != IPPROTO_ICMP && (ntohs(ip.ip_off) & (IP_MF | IP_OFFMASK)) == 0;
    const uint8_t *data = frame + IP_AT + sizeof ip;
    uint16_t port = has_port ? (uint16_t)(data[2] << 8 | data[3]) : 0;

    if (ip.ip_v != 4 || ip.ip_hl != 5 || ntohs(ip.ip_len) > size - IP_AT ||
        ntohl(ip.ip_src.s_addr) != GUEST_NUMBER(NETWORK_ADDRESS))
        abort();
    if (to == GUEST_NUMBER(NETWORK_NAMESERVER) && (ip.ip_p == IPPROTO_ICMP || port == 53))
        return;
    if (to == GUEST_NUMBER(NETWORK_GATEWAY) && ip.ip_p == IPPROTO_ICMP)
        return;
    if (!egress_allows(egress, to, port))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const grants[] = {"host:80", "10.1.0.0/16", "private:443", "link-local"};
    struct egress egress = {0};
    uint8_t answer[PACKET_REJECTION_SIZE];
    struct packet_target target;

    /* The first byte says what is granted. */
    for (size_t i = 0; size > 0 && i < sizeof grants / sizeof *grants; i++)
        if ((data[0] >> i & 1) != 0)
            error_free(egress_grant(&egress, grants[i]));
    if (size > 0) {
        switch (packet_filter(&egress, data + 1, size - 1, &target)) {
        case PACKET_PASSES:
            check_passed(&egress, data + 1, size - 1);
            break;
        case PACKET_REJECTED:
            packet_rejection(data + 1, answer);
            break;
        case PACKET_DROPPED:
            break;
        }
    }
    egress_free(&egress);
    return 0;
}
