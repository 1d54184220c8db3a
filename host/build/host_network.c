#include "host/build/host_network.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/ca_bundle.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"

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

char *host_network_proxy(const char *proxy, const char *gateway)
{
    const char *scheme = strstr(proxy, "://");
    const char *authority = scheme != NULL ? scheme + strlen("://") : proxy;
    const char *at = memrchr(authority, '@', strcspn(authority, "/"));
    const char *host = at != NULL ? at + 1 : authority;
    size_t length = loopback_length(host);

    if (length == 0)
        return xstrdup(proxy);
    return xasprintf("%.*s%s%s", (int)(host - proxy), proxy, gateway, host + length);
}

/* no_proxy lists hosts that are reached without a proxy, so it names none. */
static void add_proxy(struct buffer *environment, const char *name, const char *gateway)
{
    const char *value = getenv(name);
    CLEANUP(freep)
    char *proxy = value != NULL && strcasecmp(name, "no_proxy") != 0
                      ? host_network_proxy(value, gateway)
                      : NULL;

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
    copy_lines("/etc/resolv.conf", is_search_or_options, "", out);
}

static bool is_remote_host(const char *line)
{
    return strncmp(line, "127.", 4) != 0 && strncmp(line, "::1", 3) != 0 && *line != '#' &&
           *line != '\n';
}

void host_network_hosts(struct buffer *out)
{
    copy_lines("/etc/hosts", is_remote_host, GUEST_HOSTS_MARK, out);
}

struct error *host_network_ca_bundle(struct buffer *out, bool *ret_found)
{
    const char *path = getenv("SSL_CERT_FILE");

    *ret_found = false;
    if (path == NULL || access(path, R_OK) < 0)
        path = ca_bundle_find();
    if (path == NULL)
        return NULL;
    TRY(file_read(path, "CA bundle", GUEST_JOB_FILE_MAX, EXIT_INPUT, out));
    *ret_found = true;
    return NULL;
}
