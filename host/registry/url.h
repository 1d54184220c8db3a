/*
 * URLs, as far as HTTP and registries need them, parsed by libcurl. Every URL that is returned is
 * absolute, http or https, at most URL_MAX bytes long, and contains neither user name nor password:
 * a server cannot decide which credentials are sent.
 */
#ifndef VMBUILD_URL_H
#define VMBUILD_URL_H

#include <stdbool.h>

#define URL_MAX (16u << 10) /* bytes; signed URLs of object stores reach some KiB */

/* Resolves TARGET, as sent in an answer to a request for the absolute URL BASE. Returns the
 * absolute URL, the caller's; NULL if it is not a URL. */
char *url_resolve(const char *base, const char *target);

/* Returns URL with the query parameter NAME=VALUE appended, VALUE escaped; NULL if URL is not one.
 * The caller's. */
char *url_add_query(const char *url, const char *name, const char *value);

/* Returns TEXT escaped for a form or a query; the caller's. */
char *url_escape(const char *text);

/* Returns whether the two URLs have the same scheme, host and port. */
bool url_same_origin(const char *a, const char *b);

/* Returns whether URL is plain HTTP. */
bool url_is_plain(const char *url);

/* Returns whether URL's host is this machine: localhost, 127.0.0.0/8 or [::1]. */
bool url_is_loopback(const char *url);

/* Splits off URL's host (an address of IPv6 in brackets) and its port, which may be the scheme's
 * own. Both are the caller's. Returns false if URL is not one. */
bool url_split(const char *url, char **ret_host, char **ret_port);

/* Returns URL's HOST[:PORT] for messages: no path and no query, which may be signed. The
 * caller's. */
char *url_origin(const char *url);

/* Returns the last name of URL's path, no longer escaped, the caller's; NULL if that ends with a
 * slash or the name cannot be one of a file. */
char *url_file_name(const char *url);

#endif
