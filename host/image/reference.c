#include "host/image/reference.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define NAME_MAX_LENGTH                                                                            \
    255 /* of a repository name, as distribution's reference package limits it */
#define TAG_MAX_LENGTH 128
#define DEFAULT_HOST "docker.io"
#define FORMER_HOST "index.docker.io" /* Docker still accepts it */
#define DEFAULT_NAMESPACE "library/"

static const struct {
    const char *prefix;
    enum transport transport;
} transports[] = {
    {"docker-archive:", TRANSPORT_DOCKER_ARCHIVE},
    {"oci-archive:", TRANSPORT_OCI_ARCHIVE},
    {"oci:", TRANSPORT_OCI},
    {"dir:", TRANSPORT_DIR},
    {"docker://", TRANSPORT_DOCKER},
};

/* Other transports of containers-transports(5), and what people type for docker://. A file whose
 * name begins with one of these is ./NAME. */
static const char *const foreign_transports[] = {
    "containers-storage:", "docker-daemon:", "ostree:", "sif:", "tarball:", "http:", "https:",
};

static bool is_lower_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Returns the length of the separator at TEXT: ".", "_", "__" or dashes; 0 if there is none. */
static size_t separator_length(const char *text)
{
    if (*text == '.')
        return 1;
    if (*text == '_')
        return text[1] == '_' ? 2 : 1;
    return strspn(text, "-");
}

/* Whether the LENGTH bytes at TEXT are a path component: alphanumerics with single separators
 * between them. */
static bool is_path_component(const char *text, size_t length)
{
    const char *end = text + length;

    for (;;) {
        const char *start = text;

        while (text < end && is_lower_alphanumeric(*text))
            text++;
        if (text == start)
            return false;
        if (text == end)
            return true;
        size_t separator = separator_length(text);

        if (separator == 0)
            return false;
        text += separator;
    }
}

/* Whether the LENGTH bytes at TEXT are a registry's domain: host name labels or an address, and a
 * port. */
static bool is_domain(const char *text, size_t length)
{
    size_t host = 0;

    if (length > 0 && *text == '[') { /* an IPv6 address */
        for (host = 1; host < length && (isxdigit((unsigned char)text[host]) || text[host] == ':');)
            host++;
        if (host >= length || text[host] != ']' || host == 1)
            return false;
        host++;
    } else {
        while (host < length &&
               (isalnum((unsigned char)text[host]) || text[host] == '.' || text[host] == '-'))
            host++;
        if (host == 0 || text[0] == '.' || text[0] == '-' || text[host - 1] == '.' ||
            text[host - 1] == '-')
            return false;
    }
    if (host == length)
        return true;
    size_t digits = strspn(text + host + 1, "0123456789");

    return text[host] == ':' && digits > 0 && digits <= 5 && host + 1 + digits == length;
}

/* Whether the first component, LENGTH bytes of NAME, is a registry and not a part of the path: as
 * Docker and skopeo distinguish them. */
static bool names_registry(const char *name, size_t length)
{
    return memchr(name, '.', length) != NULL || memchr(name, ':', length) != NULL || *name == '[' ||
           (length == 9 && memcmp(name, "localhost", 9) == 0);
}

/* Whether NAME is path components with slashes between them. */
static bool is_path(const char *name)
{
    for (;;) {
        size_t length = strcspn(name, "/");

        if (!is_path_component(name, length))
            return false;
        if (name[length] == '\0')
            return true;
        name += length + 1;
    }
}

struct error *reference_check_name(const char *name)
{
    size_t first = strcspn(name, "/");
    const char *path = name;

    if (strlen(name) > NAME_MAX_LENGTH)
        return error_new(EXIT_INPUT, "read image name '%.40s...': longer than %d characters", name,
                         NAME_MAX_LENGTH);
    if (name[first] == '/' && names_registry(name, first)) {
        if (!is_domain(name, first))
            return error_new(EXIT_INPUT, "read image name '%s': '%.*s' is not a registry host",
                             name, (int)first, name);
        path = name + first + 1;
    }
    if (!is_path(path))
        return error_advise(error_new(EXIT_INPUT, "read image name '%s': not a valid name", name),
                            "use lower-case letters and digits, separated by '.', '_', '-' or '/'");
    return NULL;
}

struct error *reference_check_tag(const char *tag)
{
    size_t length = strspn(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_.-");

    if (length == 0 || tag[length] != '\0' || length > TAG_MAX_LENGTH || *tag == '.' || *tag == '-')
        return error_advise(
            error_new(EXIT_INPUT, "read image tag '%.140s': not a valid tag", tag),
            "use at most %d letters, digits, '_', '.' and '-', not beginning with '.' or '-'",
            TAG_MAX_LENGTH);
    return NULL;
}

/* Splits TEXT, NAME[:TAG][@DIGEST], into *REFERENCE. */
static struct error *parse_name(const char *text, struct reference *reference)
{
    CLEANUP(freep) char *name = xstrdup(text);
    char *at = strchr(name, '@');

    if (at != NULL) {
        *at = '\0';
        TRY(digest_parse(at + 1, &reference->digest));
    }
    char *slash = strrchr(name, '/');
    char *colon = strchr(slash != NULL ? slash : name, ':');

    if (colon != NULL) {
        *colon = '\0';
        TRY(reference_check_tag(colon + 1));
        reference->tag = xstrdup(colon + 1);
    }
    TRY(reference_check_name(name));
    reference->name = STEAL(name);
    return NULL;
}

/* docker://: splits the registry's host off the name, or puts in the default one. */
static struct error *parse_registry(const char *text, struct reference *reference)
{
    TRY(parse_name(text, reference));
    char *name = reference->name;
    size_t first = strcspn(name, "/");

    if (name[first] == '/' && names_registry(name, first)) {
        reference->host = xstrndup(name, first);
        reference->name = xstrdup(name + first + 1);
        free(name);
    } else {
        reference->host = xstrdup(DEFAULT_HOST);
        reference->short_name = xstrdup(name);
    }
    if (strcmp(reference->host, FORMER_HOST) == 0) {
        free(reference->host);
        reference->host = xstrdup(DEFAULT_HOST);
    }
    if (strcmp(reference->host, DEFAULT_HOST) == 0 && strchr(reference->name, '/') == NULL) {
        name = reference->name;
        reference->name = xasprintf(DEFAULT_NAMESPACE "%s", name);
        free(name);
    }
    if (reference->tag == NULL && *reference->digest.hex == '\0')
        reference->tag = xstrdup("latest");
    /* The limit applies to the name after its default parts were added. */
    CLEANUP(freep) char *full = xasprintf("%s/%s", reference->host, reference->name);

    return reference_check_name(full);
}

/* The number of an image in an archive, from 0. */
static struct error *parse_position(const char *text, struct reference *reference)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 6 || text[digits] != '\0')
        return error_new(EXIT_INPUT, "'@%.40s' must be '@' and the number of an image", text);
    reference->position = strtoul(text, NULL, 10) + 1;
    return NULL;
}

/* FILE[:REF], where REF is NAME[:TAG], or for OCI layouts any text: the ref.name annotation. */
static struct error *parse_file(const char *text, struct reference *reference)
{
    const char *colon = reference->transport == TRANSPORT_DIR ? NULL : strchr(text, ':');

    if (*text == '\0' || colon == text)
        return error_new(EXIT_INPUT, "the path is missing");
    reference->path = colon != NULL ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
    if (colon == NULL || colon[1] == '\0')
        return NULL;
    if (reference->transport != TRANSPORT_DOCKER_ARCHIVE) {
        reference->tag = xstrdup(colon + 1);
        return NULL;
    }
    if (colon[1] == '@')
        return parse_position(colon + 2, reference);
    TRY(parse_name(colon + 1, reference));
    if (*reference->digest.hex != '\0')
        return error_new(EXIT_INPUT, "archives name their images by tag, not by digest");
    return NULL;
}

/* Refuses what can only be a reference of an unsupported kind. */
static struct error *check_foreign(const char *text)
{
    for (size_t i = 0; i < sizeof foreign_transports / sizeof *foreign_transports; i++)
        if (strncmp(text, foreign_transports[i], strlen(foreign_transports[i])) == 0)
            return error_advise(
                error_new(EXIT_INPUT, "the transport '%s' is not supported", foreign_transports[i]),
                "use docker-archive:FILE[:REF], oci-archive:FILE[:REF], oci:DIR[:REF], dir:DIR, "
                "docker://HOST/NAME[:TAG] or a path");
    return NULL;
}

static struct error *parse(const char *text, struct reference *reference)
{
    for (size_t i = 0; i < sizeof transports / sizeof *transports; i++) {
        size_t length = strlen(transports[i].prefix);

        if (strncmp(text, transports[i].prefix, length) != 0)
            continue;
        reference->transport = transports[i].transport;
        if (reference->transport == TRANSPORT_DOCKER)
            return parse_registry(text + length, reference);
        return parse_file(text + length, reference);
    }
    if (*text == '\0')
        return error_new(EXIT_INPUT, "must not be empty");
    TRY(check_foreign(text));
    reference->path = xstrdup(text);
    return NULL;
}

struct error *reference_parse(const char *text, struct reference *ret)
{
    struct reference reference = {0};
    struct error *err = parse(text, &reference);

    if (err != NULL) {
        reference_free(&reference);
        return error_context(err, "read image reference '%.300s'", text);
    }
    *ret = reference;
    return NULL;
}

/* Docker takes the first part of a name for a registry if it can be no other, and docker.io for the
 * registry of all others, whose names of one part are below "library". */
char *reference_advice(const char *text)
{
    const char *slash = strchr(text, '/');
    size_t first = slash != NULL ? (size_t)(slash - text) : 0;
    bool has_host = slash != NULL && (memchr(text, '.', first) || memchr(text, ':', first) ||
                                      (first == 9 && strncmp(text, "localhost", first) == 0));
    bool is_of_docker = !has_host || (first == 9 && strncmp(text, "docker.io", first) == 0);
    const char *name = has_host ? slash + 1 : text;
    bool is_official = is_of_docker && strchr(name, '/') == NULL;
    CLEANUP(freep)
    char *full = xasprintf("docker://%.*s/%s%s", has_host ? (int)first : 9,
                           has_host ? text : "docker.io", is_official ? "library/" : "", name);
    CLEANUP(reference_free) struct reference reference = {0};
    CLEANUP(error_freep) struct error *err = NULL;

    /* A name alone is rather that of a file. */
    if (has_host || strchr(name, ':') != NULL || strchr(name, '@') != NULL)
        err = reference_parse(full, &reference);
    return reference.transport == TRANSPORT_DOCKER
               ? xasprintf("for an image in a registry, use %s", full)
               : xstrdup("for an image in a registry, use docker://HOST/NAME[:TAG]");
}

char *reference_full_name(const char *name)
{
    const char *slash = strchr(name, '/');
    size_t first = slash != NULL ? (size_t)(slash - name) : 0;
    bool has_host =
        first > 0 && (memchr(name, '.', first) != NULL || memchr(name, ':', first) != NULL ||
                      (first == 9 && strncmp(name, "localhost", 9) == 0));

    if (has_host)
        return xstrdup(name);
    return xasprintf("docker.io/%s%s", slash == NULL ? "library/" : "", name);
}

char *reference_format(const struct reference *reference)
{
    const char *prefix = "";
    const char *tag = reference->tag != NULL ? reference->tag : "";
    const char *name = reference->name != NULL ? reference->name : "";
    const char *separator = *tag != '\0' && *name != '\0' ? ":" : "";

    for (size_t i = 0; i < sizeof transports / sizeof *transports; i++)
        if (transports[i].transport == reference->transport)
            prefix = transports[i].prefix;
    if (reference->position > 0)
        return xasprintf("%s%s:@%zu", prefix, reference->path, reference->position - 1);
    if (reference->transport != TRANSPORT_DOCKER)
        return xasprintf("%s%s%s%s%s%s", prefix, reference->path,
                         *name != '\0' || *tag != '\0' ? ":" : "", name, separator, tag);
    bool has_digest = *reference->digest.hex != '\0';

    return xasprintf("%s%s/%s%s%s%s%s", prefix, reference->host, name, separator, tag,
                     has_digest ? "@" DIGEST_PREFIX : "", reference->digest.hex);
}

bool reference_is_stdin(const struct reference *reference)
{
    return reference->path != NULL && strcmp(reference->path, "-") == 0 &&
           reference->transport != TRANSPORT_OCI && reference->transport != TRANSPORT_DIR;
}

void reference_free(struct reference *reference)
{
    free(reference->path);
    free(reference->host);
    free(reference->name);
    free(reference->short_name);
    free(reference->tag);
    *reference = (struct reference){0};
}
