#include "guest/script/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/contract.h"

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

int network_start(struct fault *fault)
{
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
