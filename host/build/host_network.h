/*
 * What a script with `network` sees of the host's network: proxy variables, name resolution and the
 * CA bundle. The guest has them for the time of the script; they are never stored in the image.
 */
#ifndef VMBUILD_HOST_NETWORK_H
#define VMBUILD_HOST_NETWORK_H

#include <stdbool.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"

/* Returns PROXY, a URL or HOST:PORT, as the guest reaches it: a proxy on the host's loopback is at
 * GATEWAY there. The caller's. */
char *host_network_proxy(const char *proxy, const char *gateway);

/* Adds the host's proxies to GRANTS (network/egress.h), the address and port of each: who sets a
 * proxy in the environment wants it to be used. A name is looked up; one that is not found grants
 * nothing. */
void host_network_grants(struct strings *grants);

/* Adds the place of PROXY to GRANTS, in the same way. */
void host_network_grant_proxy(const char *proxy, struct strings *grants);

/* Appends to ENVIRONMENT, as NAME=VALUE and a NUL each, the host's proxy variables (http_proxy,
 * ..., in either case, with host_network_proxy's values) and, if HAS_BUNDLE, those that lead TLS
 * clients to the CA bundle (SSL_CERT_FILE, ...). Variables that ENVIRONMENT already has are kept.
 */
void host_network_environment(bool has_bundle, const char *gateway, struct buffer *environment);

/* Appends /etc/resolv.conf for the guest: NAMESERVER, which forwards queries to the host's
 * resolver, and the host's own search, domain and options lines. */
void host_network_resolv_conf(const char *nameserver, struct buffer *out);

/* Appends the lines of the host's /etc/hosts, but those of the loopback, with GUEST_HOSTS_MARK at
 * their ends. */
void host_network_hosts(struct buffer *out);

/* Appends the paths of the files that the functions here read. */
void host_network_files(struct strings *ret);

/* Reads the host's CA bundle: $SSL_CERT_FILE, else the first of the places where distributions keep
 * it. *RET_FOUND is false if there is none. Errors: EXIT_INPUT if it is too large or unreadable. */
[[nodiscard]] struct error *host_network_ca_bundle(struct buffer *out, bool *ret_found);

#endif
