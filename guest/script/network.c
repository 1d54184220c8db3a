#include "guest/script/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/worker.h"

#define INTERFACE_WAIT_MS 10000

static int start_interface(int fd, const char *name)
{
    struct ifreq request = {0};

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, SIOCGIFFLAGS, &request))
        return -1;
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &request);
}

static void set_address(struct sockaddr *ret, in_addr_t address)
{
    struct sockaddr_in value = {.sin_family = AF_INET, .sin_addr.s_addr = address};

    memcpy(ret, &value, sizeof value);
}

/* Writes the name of the first interface but loopback to NAME. Returns 0, or -1 with errno. */
static int find_interface(char *name)
{
    struct if_nameindex *all = if_nameindex();
    int status = -1;

    for (struct if_nameindex *at = all; at != NULL && at->if_index != 0; at++) {
        if (strcmp(at->if_name, "lo") != 0 && strncmp(at->if_name, "tunl", 4) != 0) {
            snprintf(name, IF_NAMESIZE, "%s", at->if_name);
            status = 0;
            break;
        }
    }
    if (all != NULL)
        if_freenameindex(all);
    if (status)
        errno = ENODEV;
    return status;
}

static int configure(int fd)
{
    char name[IF_NAMESIZE];

    if (find_interface(name))
        return -1;
    struct ifreq request = {0};

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    set_address(&request.ifr_addr, inet_addr(GUEST_NETWORK_ADDRESS));
    if (ioctl(fd, SIOCSIFADDR, &request))
        return -1;
    set_address(&request.ifr_netmask, htonl(UINT32_MAX << (32 - GUEST_NETWORK_PREFIX)));
    if (ioctl(fd, SIOCSIFNETMASK, &request) || start_interface(fd, name))
        return -1;
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = name};

    set_address(&route.rt_dst, INADDR_ANY);
    set_address(&route.rt_genmask, INADDR_ANY);
    set_address(&route.rt_gateway, inet_addr(GUEST_NETWORK_GATEWAY));
    return ioctl(fd, SIOCADDRT, &route);
}

int network_start_loopback(struct fault *fault)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || start_interface(fd, "lo")) {
        fault_set(fault, errno, "start the loopback interface");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

/* A call to the kernel that moves an interface to the network namespace of a process. */
struct move {
    struct nlmsghdr header;
    struct ifinfomsg interface;
    struct rtattr attribute;
    uint32_t process;
};

/* Waits for the interface, which comes back from the namespace of the run before with a delay.
 * Returns its number, or 0 with errno. */
static unsigned await_interface(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    char name[IF_NAMESIZE];

    for (int i = 0; i < INTERFACE_WAIT_MS; i++) {
        if (find_interface(name) == 0)
            return if_nametoindex(name);
        nanosleep(&pause, NULL);
    }
    errno = ENODEV;
    return 0;
}

/* Moves the interface NUMBER of FD's namespace to that of this process. Returns 0, or -1 with
 * errno. */
static int move_interface(int fd, unsigned number)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        struct nlmsghdr echo;
    } answer = {0};
    const struct move move = {
        .header = {.nlmsg_len = sizeof move,
                   .nlmsg_type = RTM_NEWLINK,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .interface = {.ifi_family = AF_UNSPEC, .ifi_index = (int)number},
        .attribute = {.rta_len = RTA_LENGTH(sizeof move.process), .rta_type = IFLA_NET_NS_PID},
        .process = (uint32_t)getpid()};

    if (send(fd, &move, sizeof move, 0) < 0)
        return -1;
    ssize_t length = recv(fd, &answer, sizeof answer, 0);

    if (length < (ssize_t)(sizeof answer.header + sizeof answer.error) ||
        answer.header.nlmsg_type != NLMSG_ERROR)
        answer.error.error = -EPROTO;
    errno = -answer.error.error;
    return answer.error.error != 0 ? -1 : 0;
}

/* Enters a new namespace that has the interface. Returns 0, or -1 with errno. */
static int enter_new(void)
{
    unsigned number = await_interface();
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (number == 0 || fd < 0 || unshare(CLONE_NEWNET) || move_interface(fd, number)) {
        int cause = errno;

        if (fd >= 0)
            close(fd);
        errno = cause;
        return -1;
    }
    return close(fd);
}

/* Sets a new namespace up and enters it. */
static int set_up(struct fault *fault)
{
    if (enter_new())
        return fault_set(fault, errno, "set up the network");
    if (network_start_loopback(fault))
        return -1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || configure(fd)) {
        fault_set(fault, errno, "set up the network");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

/* The process that makes the namespace of the next script, and is in it until init is, too. */
static struct maker {
    struct worker worker;
    int line; /* init's end: a byte once the namespace is ready; closed when init is there */
} maker = {.line = -1};

static int home = -1; /* the namespace of init */

/* For the maker: CONTEXT is its end of the line. */
static int make(void *context, struct fault *fault)
{
    const int *line = context;
    char byte = 0;

    if (set_up(fault))
        return -1;
    if (write(*line, &byte, 1) != 1 || read(*line, &byte, 1) < 0)
        return fault_set(fault, errno, "hand over the network");
    return 0;
}

int network_prepare(struct fault *fault)
{
    int line[2];

    if (maker.line >= 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line))
        return fault_set(fault, errno, "set up the network");
    int status = worker_start(&maker.worker, make, &line[1], line[0], fault);

    close(line[1]);
    if (status == 0)
        maker.line = line[0];
    else
        close(line[0]);
    return status;
}

/* Ends the maker. Returns what it did: 0, or -1 with FAULT. */
static int end_maker(struct fault *fault)
{
    close(maker.line);
    maker.line = -1;
    return worker_wait(&maker.worker, fault);
}

/* Opens the namespace of the process PID. Returns its descriptor, or -1 with errno. */
static int open_namespace(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Enters the namespace of the maker, which is ready. Returns 0, or -1 with errno. */
static int follow_maker(void)
{
    int made = open_namespace(maker.worker.pid);

    if (home < 0)
        home = open_namespace(getpid());
    int status = made < 0 || home < 0 ? -1 : setns(made, CLONE_NEWNET);
    int cause = errno;

    if (made >= 0)
        close(made);
    errno = cause;
    return status;
}

int network_enter(struct fault *fault)
{
    char byte;

    if (network_prepare(fault))
        return -1;
    if (read(maker.line, &byte, 1) == 1 && follow_maker()) {
        fault_set(fault, errno, "enter the script's network");
        (void)network_forget(&(struct fault){0});
        return -1;
    }
    return end_maker(fault);
}

int network_leave(struct fault *fault)
{
    return setns(home, CLONE_NEWNET) ? fault_set(fault, errno, "leave the script's network") : 0;
}

int network_forget(struct fault *fault)
{
    return maker.line < 0 ? 0 : end_maker(fault);
}
