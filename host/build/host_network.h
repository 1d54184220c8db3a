/*
 * What a script with `network` sees of the host's network: proxy variables, name resolution and the
 * CA bundle. They are handed to the guest for the time of the script and never stored in the image.
 */
#ifndef VMBUILD_HOST_NETWORK_H
#define VMBUILD_HOST_NETWORK_H

#include <stdbool.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"

/* PROXY, a proxy's URL or HOST:PORT, as the guest reaches it: one on the host's loopback is at
 * GATEWAY there. The caller's. */
char *host_network_proxy(const char *proxy, const char *gateway);

/* Appends the host's proxy variables (http_proxy, ..., in either case, as host_network_proxy makes
 * them) to ENVIRONMENT, NAME=VALUE and a NUL each, and those that lead TLS clients to the CA bundle
 * (SSL_CERT_FILE, ...) where HAS_BUNDLE. Names that ENVIRONMENT has already are left as they are.
 */
void host_network_environment(bool has_bundle, const char *gateway, struct buffer *environment);

/* /etc/resolv.conf for the guest: NAMESERVER, which passes questions on to the host's resolver, and
 * the host's own search and options lines. */
void host_network_resolv_conf(const char *nameserver, struct buffer *out);

/* /etc/hosts for the guest: its own names, then the host's entries but those for the loopback. */
void host_network_hosts(struct buffer *out);

/* The host's CA bundle: $SSL_CERT_FILE, else the first of the places where distributions keep it.
 * *RET_FOUND is false where there is none. Errors: EXIT_INPUT where it is too large or unreadable.
 */
[[nodiscard]] struct error *host_network_ca_bundle(struct buffer *out, bool *ret_found);

#endif
