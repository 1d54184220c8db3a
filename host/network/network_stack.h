/*
 * The network stack: the program that connects the guest to the host's network. It is vmbuild
 * itself, executed under another name as a process of its own, so that what parses the guest's
 * packets (libslirp) has nothing of a build in its memory, and can be confined.
 *
 *     QEMU <-- stream of frames --> this process <-- sockets --> the host's network
 *                                       |
 *                                       v  what it has blocked
 *                                    worker
 *
 * It accepts one connection, of QEMU, and serves it until QEMU ends. Each frame of the guest passes
 * packet_filter.h first. What is blocked is reported to the worker once for each target, up to
 * NETWORK_REPORTS_MAX.
 *
 * It reads the host's list of name servers (/etc/resolv.conf), to which libslirp forwards the
 * guest's questions, wherever these servers are. It has no environment, and ends with the thread
 * that started it. As far as the kernel offers that (landlock.h, call_filter.h), it can open no
 * other files than those beside that list, make no sockets but of IPv4, and signal no process.
 */
#ifndef VMBUILD_NETWORK_STACK_H
#define VMBUILD_NETWORK_STACK_H

#include <stdbool.h>
#include <stdint.h>

/* argv[0]; the other words are grants (egress.h). */
#define NETWORK_STACK_NAME "vmbuild-network"

/* What is open when it is executed, beside the standard streams. */
enum {
    NETWORK_STACK_LISTENER = 3, /* a listening socket, which QEMU connects to */
    NETWORK_STACK_WORKER = 4,   /* a SOCK_SEQPACKET, to which reports are written */
};

#define NETWORK_REPORTS_MAX 20

/* A target that was blocked. One without a protocol says that further ones are not reported. */
struct network_report {
    uint32_t address;
    uint16_t port;
    uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP or 0 */
    uint8_t kind;     /* enum egress_kind */
};

/* Whether ARGV is of this program. */
bool network_stack_is(char *const *argv);

/* Runs it. Returns the exit code: 0 once QEMU has closed its connection. */
int network_stack_run(char *const *argv);

#endif
