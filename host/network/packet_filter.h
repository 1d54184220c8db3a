/*
 * The packet filter: which Ethernet frames of the guest go on to its network stack.
 *
 * The guest may be hostile and write any frame. Only what is needed passes, parsed strictly: ARP,
 * and IPv4 from the guest's own address, without options, with TCP, UDP or an echo request in it.
 * Each packet is decided by itself. All else, IPv6 included, is dropped.
 *
 * A packet to where the guest must not go (egress.h) is rejected: the guest is told at once, by
 * ICMP, so that a program that connects fails instead of waiting. A fragment does not show its port
 * reliably, and so passes only to where all ports are allowed.
 *
 * Of the stack's own addresses, the name server's takes questions (port 53) and echo requests; the
 * gateway's is the host's loopback, but for echo requests, which the stack answers itself.
 */
#ifndef VMBUILD_PACKET_FILTER_H
#define VMBUILD_PACKET_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "host/network/egress.h"

enum packet_verdict { PACKET_PASSES, PACKET_DROPPED, PACKET_REJECTED };

struct packet_target {
    uint32_t address;
    uint16_t port;    /* 0: none, or a fragment's */
    uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_ICMP */
};

/* Decides the frame of LENGTH bytes. *RET is set only if it is rejected. */
enum packet_verdict packet_filter(const struct egress *egress, const uint8_t *frame, size_t length,
                                  struct packet_target *ret);

#define PACKET_REJECTION_SIZE 70 /* bytes */

/* Makes the frame that tells the guest that its FRAME was rejected: "communication administratively
 * prohibited" (RFC 1812, 5.2.7.1), for which Linux reports EHOSTUNREACH. */
void packet_rejection(const uint8_t *frame, uint8_t ret[PACKET_REJECTION_SIZE]);

#endif
