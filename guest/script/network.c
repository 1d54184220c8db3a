#include "guest/script/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/job.h"

struct setting {
    struct in_addr address;
    struct in_addr mask;
    struct in_addr gateway;
    char dns[INET_ADDRSTRLEN];
};

static int parse(const char *text, struct setting *ret)
{
    char address[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN];
    unsigned prefix;
    int end = 0;
    struct in_addr dns;

    if (sscanf(text, "%15[0-9.]/%2u,%15[0-9.],%15[0-9.]%n", address, &prefix, gateway, ret->dns,
               &end) != 4 ||
        text[end] != '\0' || prefix == 0 || prefix > 32 ||
        inet_pton(AF_INET, address, &ret->address) != 1 ||
        inet_pton(AF_INET, gateway, &ret->gateway) != 1 || inet_pton(AF_INET, ret->dns, &dns) != 1)
        return -1;
    ret->mask.s_addr = htonl(UINT32_MAX << (32 - prefix));
    return 0;
}

static int start_interface(int fd, const char *name)
{
    struct ifreq request = {0};

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, SIOCGIFFLAGS, &request))
        return -1;
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &request);
}

static void set_address(struct sockaddr *ret, struct in_addr address)
{
    struct sockaddr_in value = {.sin_family = AF_INET, .sin_addr = address};

    memcpy(ret, &value, sizeof value);
}

/* The name of the first interface that is not loopback. */
static int find_interface(char *name)
{
    struct if_nameindex *all = if_nameindex();
    int status = -1;

    for (struct if_nameindex *at = all; at && at->if_index != 0; at++) {
        if (strcmp(at->if_name, "lo") != 0 && strncmp(at->if_name, "tunl", 4) != 0) {
            snprintf(name, IF_NAMESIZE, "%s", at->if_name);
            status = 0;
            break;
        }
    }
    if (all)
        if_freenameindex(all);
    if (status)
        errno = ENODEV;
    return status;
}

static int configure(int fd, const struct setting *setting)
{
    char name[IF_NAMESIZE];

    if (find_interface(name))
        return -1;
    struct ifreq request = {0};

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    set_address(&request.ifr_addr, setting->address);
    if (ioctl(fd, SIOCSIFADDR, &request))
        return -1;
    set_address(&request.ifr_netmask, setting->mask);
    if (ioctl(fd, SIOCSIFNETMASK, &request) || start_interface(fd, name))
        return -1;
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = name};

    set_address(&route.rt_dst, (struct in_addr){INADDR_ANY});
    set_address(&route.rt_genmask, (struct in_addr){INADDR_ANY});
    set_address(&route.rt_gateway, setting->gateway);
    return ioctl(fd, SIOCADDRT, &route);
}

static int write_resolv_conf(const char *dns, struct fault *fault)
{
    const char *path = GUEST_JOB_DIR "/" GUEST_JOB_RESOLV_CONF;
    int fd = job_create(path, fault);

    if (fd < 0)
        return -1;
    int written = dprintf(fd, "nameserver %s\n", dns);

    if (close(fd) || written < 0)
        return fault_set(fault, errno, "write '%s'", path);
    return 0;
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

int network_start(const char *text, struct fault *fault)
{
    struct setting setting;

    if (parse(text, &setting))
        return fault_set(fault, EINVAL, "set up the network '%s'", text);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || configure(fd, &setting)) {
        fault_set(fault, errno, "set up the network '%s'", text);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    close(fd);
    return job_has(GUEST_JOB_RESOLV_CONF) ? 0 : write_resolv_conf(setting.dns, fault);
}
