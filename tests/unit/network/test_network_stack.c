/* The network stack as a process: what QEMU would send and receive, and real sockets on the other
 * side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/error.h"
#include "host/network/egress.h"
#include "host/network/network_stack.h"

#define IP 14 /* where the parts of a frame begin */
#define DATA 34
#define WAIT_MS 300000

static const char ping[] = {'p', 'i', 'n', 'g'};
static const uint8_t guest_mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

static struct {
    pid_t process;
    int qemu, worker;
    int host; /* a socket on the loopback */
    uint16_t port;
} net;

static uint8_t frame[2048];
static size_t length;

static void start(const char *grant)
{
    char *const words[] = {(char *)NETWORK_STACK_NAME, (char *)grant, NULL};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof address.sun_family; /* the kernel then chooses an abstract name */
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), ends[2];

    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    net.process = fork();
    if (net.process == 0) {
        int from = fcntl(listener, F_DUPFD, 10), to = fcntl(ends[1], F_DUPFD, 10);

        dup2(from, NETWORK_STACK_LISTENER);
        dup2(to, NETWORK_STACK_WORKER);
        _exit(network_stack_run(words));
    }
    size = sizeof address;
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    net.qemu = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(net.qemu, (struct sockaddr *)&address, size), 0);
    net.worker = ends[0];
    close(listener);
    close(ends[1]);
}

/* Opens a socket of TYPE on the host's loopback. */
static void open_host(int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    net.host = socket(AF_INET, type, 0);
    assert_int_equal(bind(net.host, (struct sockaddr *)&address, size), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(net.host, 1), 0);
    assert_int_equal(getsockname(net.host, (struct sockaddr *)&address, &size), 0);
    net.port = ntohs(address.sin_port);
}

static int reset(void **state)
{
    (void)state;
    if (net.process > 0) {
        kill(net.process, SIGKILL);
        waitpid(net.process, NULL, 0);
    }
    for (size_t i = 0; i < 3; i++) {
        int *const fds[] = {&net.qemu, &net.worker, &net.host};

        if (*fds[i] > 0)
            close(*fds[i]);
    }
    memset(&net, 0, sizeof net);
    return 0;
}

/* Returns the exit code of the process, which ends by itself. */
static int exit_code(void)
{
    int status;

    assert_int_equal(waitpid(net.process, &status, 0), net.process);
    net.process = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void await(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&poll_fd, 1, WAIT_MS), 1);
}

static void put_16(size_t at, unsigned int value)
{
    frame[at] = (uint8_t)(value >> 8);
    frame[at + 1] = (uint8_t)value;
}

static void send_frame(void)
{
    uint32_t prefix = htonl((uint32_t)length);

    assert_int_equal(send(net.qemu, &prefix, sizeof prefix, 0), sizeof prefix);
    assert_int_equal(send(net.qemu, frame, length, 0), length);
}

static void read_all(void *bytes, size_t wanted)
{
    await(net.qemu);
    assert_int_equal(recv(net.qemu, bytes, wanted, MSG_WAITALL), wanted);
}

/* Receives the next frame of IPv4. */
static void receive_frame(void)
{
    do {
        uint32_t prefix;

        read_all(&prefix, sizeof prefix);
        length = ntohl(prefix);
        assert_in_range(length, IP, sizeof frame);
        read_all(frame, length);
    } while (frame[13] != 0);
}

static void put_sum(size_t from, size_t end, uint32_t total, size_t at)
{
    put_16(at, 0);
    for (size_t i = from; i < end; i += 2)
        total += (uint32_t)frame[i] << 8 | (i + 1 < end ? frame[i + 1] : 0);
    while (total > 0xffff)
        total = (total >> 16) + (total & 0xffff);
    put_16(at, ~total);
}

static void make_ethernet(uint16_t type)
{
    memset(frame, 0, sizeof frame);
    memset(frame, 0xff, 6);
    memcpy(frame + 6, guest_mac, sizeof guest_mac);
    put_16(12, type);
}

/* The guest tells its Ethernet address, by asking for the gateway's. */
static void send_arp(void)
{
    static const uint8_t request[] = {0, 1, 8, 0, 6, 4, 0, 1};

    make_ethernet(0x0806);
    memcpy(frame + IP, request, sizeof request);
    memcpy(frame + IP + 8, guest_mac, sizeof guest_mac);
    inet_pton(AF_INET, GUEST_NETWORK_ADDRESS, frame + IP + 14);
    inet_pton(AF_INET, GUEST_NETWORK_GATEWAY, frame + IP + 24);
    length = IP + 28;
    send_frame();
}

/* Sends a packet to PORT of TO: a SYN, or a datagram with "ping". */
static void send_packet(uint8_t protocol, const char *to, uint16_t port)
{
    size_t size = protocol == IPPROTO_TCP ? 20 : 12;

    make_ethernet(0x0800);
    frame[IP] = 0x45;
    put_16(IP + 2, 20 + (unsigned int)size);
    frame[IP + 8] = 64;
    frame[IP + 9] = protocol;
    inet_pton(AF_INET, GUEST_NETWORK_ADDRESS, frame + IP + 12);
    inet_pton(AF_INET, to, frame + IP + 16);
    put_sum(IP, DATA, 0, IP + 10);
    put_16(DATA, 40000);
    put_16(DATA + 2, port);
    if (protocol == IPPROTO_TCP) {
        frame[DATA + 12] = 5 << 4;
        frame[DATA + 13] = 2; /* SYN */
        put_16(DATA + 14, 8192);
    } else {
        put_16(DATA + 4, (unsigned int)size);
        memcpy(frame + DATA + 8, ping, sizeof ping);
    }
    length = DATA + size;
    put_sum(IP + 12, length, protocol + (uint32_t)size, DATA + (protocol == IPPROTO_TCP ? 16 : 6));
    send_frame();
}

static void expect_blocked(uint8_t protocol, const char *to, uint16_t port, enum egress_kind kind)
{
    struct network_report report;

    send_packet(protocol, to, port);
    receive_frame();
    assert_int_equal(frame[IP + 9], IPPROTO_ICMP);
    assert_memory_equal(frame + DATA, "\x03\x0d", 2);
    await(net.worker);
    assert_int_equal(recv(net.worker, &report, sizeof report, 0), sizeof report);
    assert_int_equal(htonl(report.address), inet_addr(to));
    assert_int_equal(report.port, port);
    assert_int_equal(report.protocol, protocol);
    assert_int_equal(report.kind, kind);
}

static void test_blocked(void **state)
{
    (void)state;
    open_host(SOCK_STREAM);
    start(NULL);
    send_arp();
    expect_blocked(IPPROTO_TCP, GUEST_NETWORK_GATEWAY, net.port, EGRESS_HOST);
    expect_blocked(IPPROTO_UDP, GUEST_NETWORK_GATEWAY, net.port, EGRESS_HOST);
    expect_blocked(IPPROTO_TCP, "127.0.0.1", net.port, EGRESS_NOWHERE);
    expect_blocked(IPPROTO_TCP, "169.254.169.254", 80, EGRESS_LINK_LOCAL);
    expect_blocked(IPPROTO_UDP, "192.168.77.1", 80, EGRESS_PRIVATE);
    assert_int_equal(fcntl(net.host, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(accept(net.host, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
}

static void test_granted_tcp(void **state)
{
    (void)state;
    open_host(SOCK_STREAM);
    start("host");
    send_arp();
    send_packet(IPPROTO_TCP, GUEST_NETWORK_GATEWAY, net.port);
    receive_frame();
    assert_int_equal(frame[IP + 9], IPPROTO_TCP);
    assert_int_equal(frame[DATA + 13], 0x12); /* SYN and ACK */
    await(net.host);
}

static void test_granted_udp(void **state)
{
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    char bytes[8];

    (void)state;
    open_host(SOCK_DGRAM);
    start("127.0.0.1");
    send_arp();
    send_packet(IPPROTO_UDP, GUEST_NETWORK_GATEWAY, net.port);
    await(net.host);
    assert_int_equal(recvfrom(net.host, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size),
                     4);
    assert_memory_equal(bytes, ping, sizeof ping);
    assert_int_equal(sendto(net.host, "pong", 4, 0, (struct sockaddr *)&from, size), 4);
    receive_frame();
    assert_int_equal(frame[IP + 9], IPPROTO_UDP);
    assert_memory_equal(frame + DATA + 8, "pong", 4);
}

static void test_each_target_is_reported_once(void **state)
{
    (void)state;
    start(NULL);
    expect_blocked(IPPROTO_TCP, "10.1.1.1", 1, EGRESS_PRIVATE);
    send_packet(IPPROTO_TCP, "10.1.1.1", 1);
    expect_blocked(IPPROTO_TCP, "10.1.1.1", 2, EGRESS_PRIVATE);
}

static void test_reports_are_limited(void **state)
{
    struct network_report report;
    int count = 0;

    (void)state;
    start(NULL);
    for (uint16_t port = 1; port <= 3 * NETWORK_REPORTS_MAX; port++)
        send_packet(IPPROTO_UDP, "10.1.1.1", port);
    for (uint16_t port = 1; port <= 3 * NETWORK_REPORTS_MAX; port++)
        receive_frame();
    while (recv(net.worker, &report, sizeof report, MSG_DONTWAIT) > 0)
        count++;
    assert_int_equal(count, NETWORK_REPORTS_MAX);
    assert_int_equal(report.protocol, 0); /* the last one says that there is more */
}

static void test_ends_with_qemu(void **state)
{
    (void)state;
    start("private");
    send_arp();
    shutdown(net.qemu, SHUT_WR);
    assert_int_equal(exit_code(), EXIT_DONE);
}

static void test_refuses_a_frame_without_end(void **state)
{
    static const uint8_t prefix[] = {0xff, 0xff, 0xff, 0xff};

    (void)state;
    start("private");
    assert_int_equal(send(net.qemu, prefix, sizeof prefix, 0), sizeof prefix);
    assert_int_equal(exit_code(), EXIT_OTHER);
}

static void test_takes_frames_in_pieces(void **state)
{
    uint32_t prefix = htonl(60);

    (void)state;
    start(NULL);
    send_arp();
    make_ethernet(0x0806);
    for (size_t i = 0; i < sizeof prefix; i++)
        assert_int_equal(send(net.qemu, (const uint8_t *)&prefix + i, 1, 0), 1);
    for (size_t i = 0; i < 60; i++)
        assert_int_equal(send(net.qemu, frame + i, 1, 0), 1);
    expect_blocked(IPPROTO_TCP, "10.1.1.1", 1, EGRESS_PRIVATE);
}

static void test_refuses_other_grants(void **state)
{
    (void)state;
    start("everything");
    assert_int_equal(exit_code(), EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_blocked, reset),
        cmocka_unit_test_teardown(test_granted_tcp, reset),
        cmocka_unit_test_teardown(test_granted_udp, reset),
        cmocka_unit_test_teardown(test_each_target_is_reported_once, reset),
        cmocka_unit_test_teardown(test_reports_are_limited, reset),
        cmocka_unit_test_teardown(test_ends_with_qemu, reset),
        cmocka_unit_test_teardown(test_refuses_a_frame_without_end, reset),
        cmocka_unit_test_teardown(test_takes_frames_in_pieces, reset),
        cmocka_unit_test_teardown(test_refuses_other_grants, reset),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
