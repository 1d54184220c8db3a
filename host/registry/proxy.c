#include "host/registry/proxy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/registry/url.h"

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

const char *proxy_find(const char *url)
{
    bool is_cgi = getenv("REQUEST_METHOD") != NULL;

    if (!url_is_plain(url) || is_cgi || environment("http_proxy") != NULL)
        return NULL;
    return environment("HTTP_PROXY");
}

/* Returns whether the entry NAME of LENGTH bytes is HOST or a domain that HOST is in. */
static bool covers(const char *name, size_t length, const char *host)
{
    size_t host_length = strlen(host);

    if (length > 1 && name[0] == '*' && name[1] == '.') {
        name++;
        length--;
    }
    if (length > 0 && *name == '.') {
        name++;
        length--;
    }
    if (length == 0 || length > host_length ||
        strncasecmp(host + host_length - length, name, length) != 0)
        return false;
    return length == host_length || host[host_length - length - 1] == '.';
}

/* Returns whether the entry of LENGTH bytes, HOST:PORT, names HOST and PORT. An address of IPv6 is
 * in brackets if it has a port. */
static bool names(const char *entry, size_t length, const char *host, const char *port)
{
    const char *colon = memrchr(entry, ':', length);

    if (colon == NULL || (*entry != '[' && memchr(entry, ':', (size_t)(colon - entry)) != NULL))
        return false;
    size_t name = (size_t)(colon - entry), digits = length - name - 1;

    return digits == strlen(port) && strncmp(colon + 1, port, digits) == 0 &&
           covers(entry, name, host);
}

bool proxy_is_bypassed(const char *url)
{
    const char *list = environment("no_proxy");
    CLEANUP(freep) char *host = NULL;
    CLEANUP(freep) char *port = NULL;

    if (list == NULL)
        list = environment("NO_PROXY");
    if (url_is_loopback(url))
        return true;
    if (list == NULL || !url_split(url, &host, &port))
        return false;
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", \t");
        size_t length = strcspn(at, ", \t");

        if (names(at, length, host, port))
            return true;
        at += length;
    }
    return false;
}
