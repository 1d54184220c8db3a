#include "host/registry/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static void url_cleanupp(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void curl_freep(char **text)
{
    curl_free(*text);
}

/* Returns TEXT parsed, the caller's; NULL if it is not a URL. */
static CURLU *parse(const char *text)
{
    CLEANUP(url_cleanupp) CURLU *url = xallocated(curl_url());

    if (strlen(text) > URL_MAX || curl_url_set(url, CURLUPART_URL, text, 0) != 0)
        return NULL;
    return STEAL(url);
}

/* Returns URL as text, without credentials and fragment, the caller's; NULL unless it is http or
 * https. */
static char *format(CURLU *url)
{
    CLEANUP(curl_freep) char *scheme = NULL;
    CLEANUP(curl_freep) char *text = NULL;

    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != 0 ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        return NULL;
    curl_url_set(url, CURLUPART_USER, NULL, 0);
    curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
    curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
    if (curl_url_get(url, CURLUPART_URL, &text, 0) != 0 || strlen(text) > URL_MAX)
        return NULL;
    return xstrdup(text);
}

char *url_resolve(const char *base, const char *target)
{
    CLEANUP(url_cleanupp) CURLU *url = parse(base);

    /* An empty reference means the base itself (RFC 3986, 5.2.2); curl would drop its last part. */
    if (url == NULL || strlen(target) > URL_MAX ||
        (*target != '\0' && curl_url_set(url, CURLUPART_URL, target, 0) != 0))
        return NULL;
    return format(url);
}

char *url_escape(const char *text)
{
    CLEANUP(curl_freep) char *escaped = curl_easy_escape(NULL, text, 0);

    return xstrdup(escaped != NULL ? escaped : "");
}

char *url_add_query(const char *url, const char *name, const char *value)
{
    CLEANUP(url_cleanupp) CURLU *parsed = parse(url);
    CLEANUP(freep) char *escaped = url_escape(value);
    CLEANUP(freep) char *pair = xasprintf("%s=%s", name, escaped);

    if (parsed == NULL || curl_url_set(parsed, CURLUPART_QUERY, pair, CURLU_APPENDQUERY) != 0)
        return NULL;
    return format(parsed);
}

/* Returns whether both have PART and it is the same. */
static bool same(CURLU *a, CURLU *b, CURLUPart part)
{
    CLEANUP(curl_freep) char *of_a = NULL;
    CLEANUP(curl_freep) char *of_b = NULL;

    return curl_url_get(a, part, &of_a, CURLU_DEFAULT_PORT) == 0 &&
           curl_url_get(b, part, &of_b, CURLU_DEFAULT_PORT) == 0 && strcasecmp(of_a, of_b) == 0;
}

bool url_same_origin(const char *a, const char *b)
{
    CLEANUP(url_cleanupp) CURLU *parsed_a = parse(a);
    CLEANUP(url_cleanupp) CURLU *parsed_b = parse(b);

    return parsed_a != NULL && parsed_b != NULL && same(parsed_a, parsed_b, CURLUPART_SCHEME) &&
           same(parsed_a, parsed_b, CURLUPART_HOST) && same(parsed_a, parsed_b, CURLUPART_PORT);
}

bool url_is_plain(const char *url)
{
    return strncasecmp(url, "http:", 5) == 0;
}

bool url_is_loopback(const char *url)
{
    CLEANUP(url_cleanupp) CURLU *parsed = parse(url);
    CLEANUP(curl_freep) char *host = NULL;
    struct in_addr address;

    if (parsed == NULL || curl_url_get(parsed, CURLUPART_HOST, &host, 0) != 0)
        return false;
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool url_split(const char *url, char **ret_host, char **ret_port)
{
    CLEANUP(url_cleanupp) CURLU *parsed = parse(url);
    CLEANUP(curl_freep) char *host = NULL;
    CLEANUP(curl_freep) char *port = NULL;

    if (parsed == NULL || curl_url_get(parsed, CURLUPART_HOST, &host, 0) != 0 ||
        curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != 0)
        return false;
    *ret_host = xstrdup(host);
    *ret_port = xstrdup(port);
    return true;
}

char *url_origin(const char *url)
{
    CLEANUP(url_cleanupp) CURLU *parsed = parse(url);
    CLEANUP(curl_freep) char *host = NULL;
    CLEANUP(curl_freep) char *port = NULL;

    if (parsed == NULL || curl_url_get(parsed, CURLUPART_HOST, &host, 0) != 0)
        return xstrdup("?");
    if (curl_url_get(parsed, CURLUPART_PORT, &port, 0) != 0)
        return xstrdup(host);
    return xasprintf("%s:%s", host, port);
}

char *url_file_name(const char *text)
{
    CLEANUP(url_cleanupp) CURLU *url = parse(text);
    CLEANUP(curl_freep) char *path = NULL;
    CLEANUP(curl_freep) char *name = NULL;

    if (url == NULL || curl_url_get(url, CURLUPART_PATH, &path, 0) != 0)
        return NULL;
    /* Only now are escaped slashes told from others. */
    if (curl_url_set(url, CURLUPART_PATH, strrchr(path, '/'), 0) != 0 ||
        curl_url_get(url, CURLUPART_PATH, &name, CURLU_URLDECODE) != 0)
        return NULL;
    const char *last = name + strspn(name, "/");

    if (*last == '\0' || strchr(last, '/') != NULL || strcmp(last, ".") == 0 ||
        strcmp(last, "..") == 0)
        return NULL;
    return xstrdup(last);
}
