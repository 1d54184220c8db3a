#include "host/build/host_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/ca_bundle.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/network/egress.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define HOSTS "/etc/hosts"
#define TEXT_FILE_MAX (64u << 10) /* bytes of resolv.conf and hosts that are read */

static const char *const proxy_variables[] = {
    "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
};

/* Read by OpenSSL, curl, Python's requests, git and Node.js. */
static const char *const bundle_variables[] = {
    "SSL_CERT_FILE",  "CURL_CA_BUNDLE",      "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS",
};

/* Whether ENVIRONMENT, entries ended by NUL bytes, has a variable NAME. */
static bool has_variable(const struct buffer *environment, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < environment->length; i += strlen(environment->data + i) + 1)
        if (strncmp(environment->data + i, name, length) == 0 &&
            environment->data[i + length] == '=')
            return true;
    return false;
}

static void add_variable(struct buffer *environment, const char *name, const char *value)
{
    if (value == NULL || has_variable(environment, name))
        return;
    buffer_printf(environment, "%s=%s", name, value);
    buffer_append(environment, "", 1);
}

/* Returns the length of the loopback's name or address that TEXT begins with, or 0. */
static size_t loopback_length(const char *text)
{
    static const char *const names[] = {"localhost", "[::1]"};
    size_t length = strncmp(text, "127.", 4) == 0 ? strspn(text, "0123456789.") : 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncasecmp(text, names[i], strlen(names[i])) == 0)
            length = strlen(names[i]);
    return length > 0 && strchr(":/", text[length]) != NULL ? length : 0;
}

/* Returns where the host begins in PROXY. */
static const char *find_host(const char *proxy)
{
    const char *scheme = strstr(proxy, "://");
    const char *authority = scheme != NULL ? scheme + strlen("://") : proxy;
    const char *at = memrchr(authority, '@', strcspn(authority, "/"));

    return at != NULL ? at + 1 : authority;
}

char *host_network_proxy(const char *proxy, const char *gateway)
{
    const char *host = find_host(proxy);
    size_t length = loopback_length(host);

    if (length == 0)
        return xstrdup(proxy);
    return xasprintf("%.*s%s%s", (int)(host - proxy), proxy, gateway, host + length);
}

/* Adds PORT of ADDRESS to GRANTS; an empty one stands for those that programs use by default. */
static void add_grant(const char *address, const char *port, struct strings *grants)
{
    static const char *const defaults[] = {"80", "443", "1080"};
    bool has_port = *port != '\0';

    for (size_t i = 0; i < (has_port ? 1 : sizeof defaults / sizeof *defaults); i++) {
        CLEANUP(freep) char *grant = xasprintf("%s:%s", address, has_port ? port : defaults[i]);
        CLEANUP(egress_free) struct egress egress = {0};
        struct error *err = egress_grant(&egress, grant);

        if (err == NULL && !strings_contain(grants, grant))
            strings_add(grants, grant);
        error_free(err);
    }
}

void host_network_grant_proxy(const char *proxy, struct strings *grants)
{
    const struct addrinfo wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    const char *start = find_host(proxy);
    size_t loopback = loopback_length(start), length = strcspn(start, ":/");
    const char *end = start + (loopback > 0 ? loopback : length);
    CLEANUP(freep) char *host = xstrndup(start, length);
    CLEANUP(freep)
    char *port = *end == ':' ? xstrndup(end + 1, strspn(end + 1, "0123456789")) : xstrdup("");
    struct addrinfo *found = NULL;

    if (loopback > 0)
        add_grant("127.0.0.1", port, grants);
    else if (*host != '\0' && getaddrinfo(host, NULL, &wanted, &found) != 0)
        progress_detail("the address of the proxy '%s' is not known", host);
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        struct sockaddr_in address;
        char text[INET_ADDRSTRLEN];

        memcpy(&address, at->ai_addr, sizeof address);
        if (inet_ntop(AF_INET, &address.sin_addr, text, sizeof text) != NULL)
            add_grant(text, port, grants);
    }
    if (found != NULL)
        freeaddrinfo(found);
}

static bool is_proxy(const char *name)
{
    return strcasecmp(name, "no_proxy") != 0;
}

void host_network_grants(struct strings *grants)
{
    for (size_t i = 0; i < sizeof proxy_variables / sizeof *proxy_variables; i++) {
        const char *value = getenv(proxy_variables[i]);

        if (value != NULL && is_proxy(proxy_variables[i]))
            host_network_grant_proxy(value, grants);
    }
}

/* no_proxy lists hosts that are reached without a proxy, so it names none. */
static void add_proxy(struct buffer *environment, const char *name, const char *gateway)
{
    const char *value = getenv(name);
    CLEANUP(freep)
    char *proxy = value != NULL && is_proxy(name) ? host_network_proxy(value, gateway) : NULL;

    add_variable(environment, name, proxy != NULL ? proxy : value);
}

void host_network_environment(bool has_bundle, const char *gateway, struct buffer *environment)
{
    for (size_t i = 0; i < sizeof proxy_variables / sizeof *proxy_variables; i++)
        add_proxy(environment, proxy_variables[i], gateway);
    for (size_t i = 0; has_bundle && i < sizeof bundle_variables / sizeof *bundle_variables; i++)
        add_variable(environment, bundle_variables[i], GUEST_CA_BUNDLE_PATH);
}

/* Appends the lines of the file PATH that are WANTED, each with END and a newline. A missing file
 * has none. */
static void copy_lines(const char *path, bool (*wanted)(const char *line), const char *end,
                       struct buffer *out)
{
    CLEANUP(fclosep) FILE *file = fopen(path, "re");
    char line[1024];
    size_t total = 0;

    while (file != NULL && total < TEXT_FILE_MAX && fgets(line, sizeof line, file) != NULL) {
        size_t length = strlen(line);

        total += length;
        if (length > 0 && line[length - 1] == '\n' && wanted(line))
            buffer_printf(out, "%.*s%s\n", (int)length - 1, line, end);
    }
}

static bool is_search_or_options(const char *line)
{
    return strncmp(line, "search ", 7) == 0 || strncmp(line, "domain ", 7) == 0 ||
           strncmp(line, "options ", 8) == 0;
}

void host_network_resolv_conf(const char *nameserver, struct buffer *out)
{
    buffer_printf(out, "nameserver %s\n", nameserver);
    copy_lines(RESOLV_CONF, is_search_or_options, "", out);
}

static bool is_remote_host(const char *line)
{
    return strncmp(line, "127.", 4) != 0 && strncmp(line, "::1", 3) != 0 && *line != '#' &&
           *line != '\n';
}

void host_network_hosts(struct buffer *out)
{
    copy_lines(HOSTS, is_remote_host, GUEST_HOSTS_MARK, out);
}

static const char *find_bundle(void)
{
    const char *path = getenv("SSL_CERT_FILE");

    return path != NULL && access(path, R_OK) == 0 ? path : ca_bundle_find();
}

void host_network_files(struct strings *ret)
{
    const char *bundle = find_bundle();

    strings_add(ret, RESOLV_CONF);
    strings_add(ret, HOSTS);
    if (bundle != NULL)
        strings_add(ret, bundle);
}

struct error *host_network_ca_bundle(struct buffer *out, bool *ret_found)
{
    const char *path = find_bundle();

    *ret_found = false;
    if (path == NULL)
        return NULL;
    TRY(file_read(path, "CA bundle", GUEST_JOB_FILE_MAX, EXIT_INPUT, out));
    *ret_found = true;
    return NULL;
}
