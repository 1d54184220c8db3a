#include "host/network/egress.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define A GUEST_ADDRESS_NUMBER
#define ADDRESS_BITS 32
#define BROADCAST (GUEST_NUMBER(NETWORK) | UINT32_MAX >> GUEST_NETWORK_PREFIX)

#define EXPECTED "must be host, private, link-local or ADDRESS[/BITS], with an optional :PORT"

/* The special ranges (RFC 6890) that are not open, the first that fits. Those for documentation and
 * the like are left to the host's routes. */
static const struct range {
    uint32_t address;
    unsigned int bits;
    enum egress_kind kind;
} ranges[] = {
    {A(127, 0, 0, 0), 8, EGRESS_NOWHERE},
    {A(0, 0, 0, 0), 8, EGRESS_NOWHERE},
    {A(255, 255, 255, 255), 32, EGRESS_GROUP},
    {BROADCAST, 32, EGRESS_GROUP},
    {A(224, 0, 0, 0), 4, EGRESS_GROUP},
    {A(240, 0, 0, 0), 4, EGRESS_NOWHERE},
    {GUEST_NUMBER(NETWORK_GATEWAY), 32, EGRESS_HOST},
    {A(10, 0, 0, 0), 8, EGRESS_PRIVATE},
    {A(172, 16, 0, 0), 12, EGRESS_PRIVATE},
    {A(192, 168, 0, 0), 16, EGRESS_PRIVATE},
    {A(100, 64, 0, 0), 10, EGRESS_PRIVATE},
    {A(169, 254, 0, 0), 16, EGRESS_LINK_LOCAL},
    /* Where clouds serve metadata beside 169.254.169.254. */
    {A(168, 63, 129, 16), 32, EGRESS_LINK_LOCAL},
    {A(192, 0, 0, 0), 24, EGRESS_LINK_LOCAL},
};

static const char *const grant_names[] = {
    [EGRESS_HOST] = "host", [EGRESS_PRIVATE] = "private", [EGRESS_LINK_LOCAL] = "link-local"};

#define KINDS (sizeof grant_names / sizeof *grant_names)

static bool is_in(uint32_t address, uint32_t range, unsigned int bits)
{
    return bits == 0 || (address ^ range) >> (ADDRESS_BITS - bits) == 0;
}

/* Sets *RET to the decimal number that TEXT is. Returns false if it is none from 0 to MOST. */
static bool read_number(const char *text, unsigned long most, unsigned long *ret)
{
    size_t length = strlen(text);

    if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
        return false;
    *ret = strtoul(text, NULL, 10);
    return *ret <= most;
}

/* Reads ADDR[/BITS] from TEXT, which is changed. */
static bool read_range(char *text, struct egress_grant *ret)
{
    char *slash = strchr(text, '/');
    unsigned long bits = ADDRESS_BITS;
    struct in_addr address;

    if (slash != NULL)
        *slash = '\0';
    if (inet_pton(AF_INET, text, &address) != 1 ||
        (slash != NULL && !read_number(slash + 1, ADDRESS_BITS, &bits)))
        return false;
    ret->kind = EGRESS_PUBLIC;
    ret->address = ntohl(address.s_addr);
    ret->bits = (unsigned int)bits;
    if (bits >= 8 && is_in(ret->address, INADDR_LOOPBACK, 8)) {
        ret->address = GUEST_NUMBER(NETWORK_GATEWAY);
        ret->bits = ADDRESS_BITS;
    }
    return true;
}

static bool read_place(char *text, struct egress_grant *ret)
{
    for (enum egress_kind kind = EGRESS_HOST; kind < KINDS; kind++)
        if (strcmp(text, grant_names[kind]) == 0) {
            ret->kind = kind;
            return true;
        }
    return read_range(text, ret);
}

struct error *egress_grant(struct egress *egress, const char *text)
{
    CLEANUP(freep) char *place = xstrdup(text);
    char *colon = strchr(place, ':');
    struct egress_grant grant = {0};
    unsigned long port = 0;

    if (colon != NULL && strchr(colon + 1, ':') != NULL)
        return error_new(EXIT_USAGE, "'%s' " EXPECTED "; the guest's network is IPv4 only", text);
    if (colon != NULL)
        *colon = '\0';
    if ((colon != NULL && (!read_number(colon + 1, UINT16_MAX, &port) || port == 0)) ||
        !read_place(place, &grant))
        return error_new(EXIT_USAGE, "'%s' " EXPECTED, text);
    grant.port = (uint16_t)port;
    egress->grants = xreallocarray(egress->grants, egress->grant_count + 1, sizeof grant);
    egress->grants[egress->grant_count++] = grant;
    return NULL;
}

void egress_add_own(struct egress *egress, uint32_t address)
{
    egress->own = xreallocarray(egress->own, egress->own_count + 1, sizeof address);
    egress->own[egress->own_count++] = address;
}

bool egress_find_own(struct egress *egress)
{
    struct ifaddrs *all;

    if (getifaddrs(&all) < 0)
        return false;
    for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        struct sockaddr_in address;

        if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET)
            continue;
        memcpy(&address, at->ifa_addr, sizeof address);
        egress_add_own(egress, ntohl(address.sin_addr.s_addr));
    }
    freeifaddrs(all);
    return true;
}

static bool is_own(const struct egress *egress, uint32_t address)
{
    for (size_t i = 0; i < egress->own_count; i++)
        if (egress->own[i] == address)
            return true;
    return false;
}

enum egress_kind egress_kind_of(const struct egress *egress, uint32_t address)
{
    enum egress_kind kind = EGRESS_PUBLIC;

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (is_in(address, ranges[i].address, ranges[i].bits)) {
            kind = ranges[i].kind;
            break;
        }
    return kind < EGRESS_GROUP && is_own(egress, address) ? EGRESS_HOST : kind;
}

/* Whether GRANT is for ADDRESS, which is of KIND. */
static bool is_granted(const struct egress_grant *grant, enum egress_kind kind, uint32_t address)
{
    if (grant->kind != EGRESS_PUBLIC)
        return grant->kind == kind;
    return is_in(address, grant->address, grant->bits) &&
           (kind != EGRESS_HOST || grant->bits == ADDRESS_BITS);
}

bool egress_allows(const struct egress *egress, uint32_t address, uint16_t port)
{
    enum egress_kind kind = egress_kind_of(egress, address);

    if (kind == EGRESS_PUBLIC || kind >= EGRESS_GROUP)
        return kind == EGRESS_PUBLIC;
    for (size_t i = 0; i < egress->grant_count; i++) {
        const struct egress_grant *grant = &egress->grants[i];

        if (is_granted(grant, kind, address) && (grant->port == 0 || grant->port == port))
            return true;
    }
    return false;
}

bool egress_allows_loopback(const struct egress *egress)
{
    for (size_t i = 0; i < egress->grant_count; i++)
        if (is_granted(&egress->grants[i], EGRESS_HOST, GUEST_NUMBER(NETWORK_GATEWAY)))
            return true;
    return false;
}

const char *egress_grant_name(unsigned int kind)
{
    return kind < KINDS ? grant_names[kind] : NULL;
}

char *egress_address_text(uint32_t address)
{
    return xasprintf("%u.%u.%u.%u", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff,
                     address & 0xff);
}

void egress_free(struct egress *egress)
{
    free(egress->grants);
    free(egress->own);
    *egress = (struct egress){0};
}
