/*
 * The proxy that a request goes through, as the environment names it. libcurl reads HTTPS_PROXY,
 * ALL_PROXY and NO_PROXY itself, in both spellings, but HTTP_PROXY only in lower case, because a
 * CGI program gets that variable from its client; and it knows no ports in NO_PROXY. Other programs
 * of this field know both, so both are done here.
 */
#ifndef VMBUILD_PROXY_H
#define VMBUILD_PROXY_H

#include <stdbool.h>

/* Returns the proxy for URL that libcurl would not see, borrowed; NULL if there is none. */
const char *proxy_find(const char *url);

/* Returns whether URL is to be reached without a proxy although libcurl would use one: it is on
 * this machine, which a proxy could not reach, or an entry HOST:PORT of NO_PROXY names it. */
bool proxy_is_bypassed(const char *url);

#endif
