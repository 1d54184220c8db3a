#include "guest/lib/tap.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/file.h"
#include "guest/lib/line.h"

#define DEVICE "/dev/net/tun"
#define INTERFACE "eth0"

/* As QEMU's card has it. */
static const unsigned char address[] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

struct bridge {
    int tap, port;
    size_t length; /* of what has come from the port */
    unsigned char bytes[GUEST_LINE_FRAME + GUEST_LINE_FRAME_MAX];
    unsigned char frame[GUEST_LINE_FRAME + GUEST_LINE_FRAME_MAX]; /* to the port */
};

/* Returns the interface's descriptor, or -1 with errno. */
static int make_interface(void)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int tap = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

    strcpy(request.ifr_name, INTERFACE);
    if (tap < 0)
        return -1;
    if (ioctl(tap, TUNSETIFF, &request) == 0) {
        request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
        memcpy(request.ifr_hwaddr.sa_data, address, sizeof address);
        if (ioctl(tap, SIOCSIFHWADDR, &request) == 0)
            return tap;
    }
    int cause = errno;

    close(tap);
    errno = cause;
    return -1;
}

/* Passes on one frame of the interface. Returns false if it is gone. */
static bool pass_out(struct bridge *bridge)
{
    ssize_t got = read(bridge->tap, bridge->frame + GUEST_LINE_FRAME, GUEST_LINE_FRAME_MAX);

    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR || errno == EIO);
    uint32_t length = htobe32((uint32_t)got);

    memcpy(bridge->frame, &length, sizeof length);
    if (file_write_all(bridge->port, bridge->frame, GUEST_LINE_FRAME + (size_t)got))
        _exit(0);
    return true;
}

/* Passes on the frames that have come whole. A frame that the interface does not take is lost, as
 * on any network. */
static void pass_in(struct bridge *bridge)
{
    ssize_t got =
        read(bridge->port, bridge->bytes + bridge->length, sizeof bridge->bytes - bridge->length);
    size_t done = 0;
    uint32_t length;

    if (got <= 0)
        _exit(0);
    bridge->length += (size_t)got;
    while (bridge->length - done >= sizeof length) {
        memcpy(&length, bridge->bytes + done, sizeof length);
        length = be32toh(length);
        if (length > GUEST_LINE_FRAME_MAX)
            _exit(1);
        if (bridge->length - done - sizeof length < length)
            break;
        (void)!write(bridge->tap, bridge->bytes + done + sizeof length, length);
        done += sizeof length + length;
    }
    bridge->length -= done;
    memmove(bridge->bytes, bridge->bytes + done, bridge->length);
}

__attribute__((noreturn)) static void run(struct bridge *bridge)
{
    prctl(PR_SET_NAME, "network");
    setpriority(PRIO_PROCESS, 0, -20);
    for (;;) {
        struct pollfd polls[] = {{.fd = bridge->tap, .events = POLLIN},
                                 {.fd = bridge->port, .events = POLLIN}};
        bool there = true;

        if (poll(polls, 2, -1) < 0)
            continue;
        if (polls[1].revents != 0)
            pass_in(bridge);
        if (polls[0].revents != 0)
            there = pass_out(bridge);
        if (!there) {
            close(bridge->tap);
            bridge->tap = make_interface();
            if (bridge->tap < 0) {
                fault_complain("make the interface '" INTERFACE "': %s", strerror(errno));
                _exit(1);
            }
        }
    }
}

int tap_start(struct fault *fault)
{
    static struct bridge bridge;

    bridge.port = getenv(GUEST_LINE_NETWORK) == NULL ? -1 : line_take_port(GUEST_LINE_FRAMES);
    if (bridge.port < 0)
        return 0;
    bridge.tap = make_interface();
    if (bridge.tap < 0)
        return fault_set(fault, errno, "make the interface '" INTERFACE "'");
    pid_t pid = fork();

    if (pid < 0)
        return fault_set(fault, errno, "start a process");
    if (pid == 0)
        run(&bridge);
    close(bridge.tap);
    close(bridge.port);
    return 0;
}
