/*
 * URLs, as far as http and the registry need them; libcurl's parser does the reading. Every URL
 * that comes out of here is absolute, http or https, at most URL_MAX bytes, and holds neither
 * user name nor password: a server has no say in what credentials are sent.
 */
#ifndef VMBUILD_URL_H
#define VMBUILD_URL_H

#include <stdbool.h>

#define URL_MAX (16u << 10) /* bytes; signed URLs of object stores reach some KiB */

/* TARGET as it is to be understood in an answer to a request for the absolute URL BASE. Returns the
 * absolute URL, the caller's; NULL where it is none. */
char *url_resolve(const char *base, const char *target);

/* URL with the query parameter NAME=VALUE appended, VALUE escaped. Returns the caller's; NULL where
 * URL is none. */
char *url_add_query(const char *url, const char *name, const char *value);

/* TEXT escaped for a form or a query. The result is the caller's. */
char *url_escape(const char *text);

/* Returns whether the two URLs have the same scheme, host and port. */
bool url_same_origin(const char *a, const char *b);

/* Returns whether URL is plain HTTP. */
bool url_is_plain(const char *url);

/* Returns whether URL's host is this machine: localhost, 127.0.0.0/8 or [::1]. */
bool url_is_loopback(const char *url);

/* URL's HOST[:PORT] for messages: no path and no query, which may be signed. The result is the caller's.
 */
char *url_origin(const char *url);

#endif
