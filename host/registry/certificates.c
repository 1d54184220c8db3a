#include "host/registry/certificates.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "host/lib/ca_bundle.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"

static const char *const system_folders[] = {"/etc/containers/certs.d", "/etc/docker/certs.d"};

/* Appends the file PATH and a newline. */
static struct error *append_file(const char *path, struct buffer *out)
{
    TRY(file_read(path, "certificates", CERTIFICATES_SIZE_MAX, EXIT_OTHER, out));
    buffer_append(out, "\n", 1);
    return NULL;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name), tail = strlen(suffix);

    return length > tail && strcmp(name + length - tail, suffix) == 0;
}

/* Returns the directory of HOST in the first certs.d that has one, or NULL; the caller's. */
static char *host_folder(const char *host)
{
    CLEANUP(strings_free) struct strings parents = {0};
    const char *home = getenv("HOME");

    if (home != NULL && *home != '\0')
        strings_take(&parents, xasprintf("%s/.config/containers/certs.d", home));
    for (size_t i = 0; i < sizeof system_folders / sizeof *system_folders; i++)
        strings_add(&parents, system_folders[i]);
    for (size_t i = 0; i < parents.count; i++) {
        CLEANUP(freep) char *path = xasprintf("%s/%s", parents.items[i], host);
        struct stat status;

        if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
            return STEAL(path);
    }
    return NULL;
}

/* Sorted, so that the same client certificate is chosen each time. */
static struct error *list_folder(const char *path, struct strings *ret)
{
    CLEANUP(closedirp) DIR *folder = opendir(path);
    struct dirent *entry;

    if (folder == NULL)
        return error_errno(EXIT_OTHER, "read certificates '%s'", path);
    while ((entry = readdir(folder)) != NULL)
        strings_add(ret, entry->d_name);
    strings_sort(ret);
    return NULL;
}

static void use_client_certificate(const char *folder, const char *name,
                                   const struct strings *names, struct certificates *ret)
{
    CLEANUP(freep) char *stem = xstrndup(name, strlen(name) - strlen(".cert"));
    CLEANUP(freep) char *key = xasprintf("%s.key", stem);

    ret->client_certificate = xasprintf("%s/%s", folder, name);
    if (strings_contain(names, key))
        ret->client_key = xasprintf("%s/%s", folder, key);
}

static struct error *read_host_folder(const char *folder, struct certificates *ret)
{
    CLEANUP(strings_free) struct strings names = {0};

    TRY(list_folder(folder, &names));
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];

        if (has_suffix(name, ".crt")) {
            CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);

            TRY(append_file(path, &ret->authorities));
        } else if (has_suffix(name, ".cert") && ret->client_certificate == NULL) {
            use_client_certificate(folder, name, &names, ret);
        }
    }
    return NULL;
}

static char *copy_environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? xstrdup(value) : NULL;
}

static bool is_readable(const char *path)
{
    return path != NULL && access(path, R_OK) == 0;
}

static struct error *find(const char *host, const char *default_file, struct certificates *ret)
{
    CLEANUP(freep) char *folder = host_folder(host);

    ret->file = copy_environment("SSL_CERT_FILE");
    ret->folder = copy_environment("SSL_CERT_DIR");
    if (ret->file == NULL && !is_readable(default_file) && ca_bundle_find() != NULL)
        ret->file = xstrdup(ca_bundle_find());
    if (folder == NULL)
        return NULL;
    TRY(read_host_folder(folder, ret));

    /* The host's authorities are trusted beside the others. Libraries accept one list, so join
     * them. */
    const char *usual = ret->file != NULL ? ret->file : default_file;

    if (ret->authorities.length > 0 && is_readable(usual))
        TRY(append_file(usual, &ret->authorities));
    return NULL;
}

struct error *certificates_find(const char *host, const char *default_file,
                                struct certificates *ret)
{
    struct certificates found = {0};
    struct error *err = find(host, default_file, &found);

    if (err != NULL) {
        certificates_free(&found);
        return err;
    }
    *ret = found;
    return NULL;
}

void certificates_free(struct certificates *certificates)
{
    free(certificates->file);
    free(certificates->folder);
    free(certificates->client_certificate);
    free(certificates->client_key);
    buffer_free(&certificates->authorities);
    *certificates = (struct certificates){0};
}
