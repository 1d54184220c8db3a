/*
 * Egress: what the guest may reach through its network, which is IPv4 only.
 *
 * Public addresses are open. The host itself, private and link-local addresses are not, unless the
 * user grants them: a script is trusted with the files that its spec names, and services that
 * listen there are meant for the user, for the host's network, or for the host as a cloud's machine
 * (169.254.169.254). What is no place on the network, such as 0.0.0.0, cannot be granted.
 *
 * A grant is a word:
 *
 *   host          the host itself: its loopback interface, which the guest reaches at the gateway's
 *                 address, and the addresses of its other interfaces
 *   private       RFC 1918 and 100.64.0.0/10 (RFC 6598), but for the host itself
 *   link-local    169.254.0.0/16, and where clouds serve metadata outside of it
 *   ADDR[/BITS]   an address or a range; the host itself only if ADDR is its very address. One of
 *                 the loopback stands for the gateway's.
 *
 * each with an optional :PORT, without which it is for all ports.
 */
#ifndef VMBUILD_EGRESS_H
#define VMBUILD_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"

/* An IPv4 address is a number here: 10.0.0.1 is 0x0a000001. */

enum egress_kind {
    EGRESS_PUBLIC,
    EGRESS_HOST,
    EGRESS_PRIVATE,
    EGRESS_LINK_LOCAL,
    EGRESS_GROUP,   /* broadcast, multicast */
    EGRESS_NOWHERE, /* loopback, which is the guest's own, and reserved addresses */
};

struct egress_grant {
    enum egress_kind kind; /* EGRESS_PUBLIC: a range */
    uint32_t address;
    unsigned int bits;
    uint16_t port; /* 0: all */
};

/* A zeroed one grants nothing and knows no address of the host but the gateway's. */
struct egress {
    struct egress_grant *grants;
    size_t grant_count;
    uint32_t *own; /* the host's own addresses */
    size_t own_count;
};

/* Adds the grant that TEXT is. Errors: EXIT_USAGE, without context. */
[[nodiscard]] struct error *egress_grant(struct egress *egress, const char *text);

/* Adds ADDRESS to those of the host. */
void egress_add_own(struct egress *egress, uint32_t address);

/* Adds the addresses of the host's interfaces. Returns false if they cannot be read. */
bool egress_find_own(struct egress *egress);

/* Returns what ADDRESS is for a guest. */
enum egress_kind egress_kind_of(const struct egress *egress, uint32_t address);

/* Whether the guest may reach PORT of ADDRESS; port 0 stands for all ports. */
bool egress_allows(const struct egress *egress, uint32_t address, uint16_t port);

/* Whether anything of the host's loopback is granted. */
bool egress_allows_loopback(const struct egress *egress);

/* Returns the word that grants KIND, or NULL if it cannot be granted; static. */
const char *egress_grant_name(unsigned int kind);

/* Returns ADDRESS as a text, the caller's. */
char *egress_address_text(uint32_t address);

void egress_free(struct egress *egress);

#endif
