#include "host/registry/login.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/image/reference.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/registry/base64.h"
#include "host/registry/credential_helper.h"
#include "host/registry/credentials.h"
#include "host/registry/registries_conf.h"
#include "host/registry/repository.h"

/* The user's file of credentials. */
struct login_file {
    char *path;
    struct json *content;
};

static void login_file_free(struct login_file *file)
{
    free(file->path);
    json_free(file->content);
}

/* Reads the file; one that does not exist is empty. */
static struct error *read_file(const char *auth_file, struct login_file *ret)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};

    ret->path = credentials_path(auth_file);
    struct error *err =
        file_read(ret->path, "credentials", CREDENTIALS_FILE_MAX, EXIT_INPUT, &bytes);

    if (err != NULL && (errno == ENOENT || errno == ENOTDIR)) {
        error_free(err);
        ret->content = json_object();
        return NULL;
    }
    TRY(err);
    if (bytes.length == 0)
        ret->content = json_object();
    else
        TRY(json_parse(ret->path, bytes.data, bytes.length, &ret->content));
    if (ret->content->type != JSON_OBJECT)
        return error_new(EXIT_INPUT, "read credentials '%s': not a JSON object", ret->path);
    return NULL;
}

/* Creates the directories above the file, for the user alone. */
static struct error *make_folders(const char *path)
{
    CLEANUP(freep) char *folder = xstrdup(path);

    for (char *slash = folder + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return error_errno(EXIT_OTHER, "create directory '%s'", folder);
        *slash = '/';
    }
    return NULL;
}

/* Replaces the file. A link to it stays one. */
static struct error *write_file(const struct login_file *file)
{
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(buffer_free) struct buffer text = {0};
    CLEANUP(freep) char *real = realpath(file->path, NULL);
    const char *path = real != NULL ? real : file->path;
    CLEANUP(freep) char *folder = file_folder(path);
    CLEANUP(closep) int fd = -1;

    TRY(make_folders(path));
    json_write(file->content, true, &text);
    TRY(temporary_file(folder, "auth", &temporary, &fd));
    TRY(file_write(text.data, text.length, fd, path));
    explicit_bzero(text.data, text.length);
    if (fsync(fd) != 0 || close(steal_fd(&fd)) != 0)
        return error_errno(EXIT_OTHER, "write '%s'", path);
    TRY(temporary_rename(temporary, path));
    free(STEAL(temporary));
    return NULL;
}

/* Checks TEXT, what the user calls the registry. *RET_KEY is what the file calls it; the
 * caller's. */
static struct error *read_key(const char *text, char **ret_key)
{
    CLEANUP(freep) char *key = credentials_key(text);
    CLEANUP(freep) char *image = xasprintf("%s/x", key);
    struct error *err = reference_check_name(image);

    if (err != NULL) {
        error_free(err);
        return error_new(EXIT_INPUT, "read registry '%.300s': must be HOST[:PORT][/NAMESPACE]",
                         text);
    }
    *ret_key = STEAL(key);
    return NULL;
}

/* Tries the credential of ACCESS at the host of KEY. */
static struct error *try_credential(const char *key, const struct registry_access *access)
{
    CLEANUP(repository_freep) struct repository *repository = NULL;
    CLEANUP(reference_free) struct reference host = {0};
    CLEANUP(freep) char *image = xasprintf("%s/x", key);
    struct repository_options options = {.access = access};

    /* registries.conf(5) is about images, so look up one of that name, which need not exist. */
    host.transport = TRANSPORT_DOCKER;
    host.host = xstrndup(key, strcspn(key, "/"));
    host.name = xstrdup(image + strlen(host.host) + 1);
    TRY(registries_conf_push(&host, access, &options.insecure));
    free(STEAL(host.name));
    TRY(repository_open(&host, &options, &repository));
    return repository_check(repository);
}

/* Returns the helper that keeps the credential of KEY; NULL if the file does. Helpers know hosts
 * only, so the file keeps those of namespaces. */
static const char *find_helper(const struct login_file *file, const char *key)
{
    const char *helper = NULL;

    if (strchr(key, '/') == NULL) {
        helper = credentials_helper(file->content, key);
        if (helper == NULL)
            helper = json_get_string(file->content, "credsStore");
    }
    return helper != NULL && *helper != '\0' ? helper : NULL;
}

/* Refuses a namespace of a host that has a helper: that alone is asked, whatever the file has. */
static struct error *check_namespace(const struct login_file *file, const char *key)
{
    CLEANUP(freep) char *host = xstrndup(key, strcspn(key, "/"));
    const char *helper = credentials_helper(file->content, host);

    if (strcmp(host, key) == 0 || helper == NULL || *helper == '\0')
        return NULL;
    return error_advise(error_new(EXIT_INPUT,
                                  "log in to '%s': the credential helper '%s' of '%s' cannot keep "
                                  "credentials for a namespace",
                                  key, helper, host),
                        "log in to '%s'", host);
}

/* Returns the file's "auths", which is created if there is none. */
static struct error *get_entries(struct login_file *file, struct json **ret)
{
    *ret = json_get(file->content, "auths");
    if (*ret == NULL) {
        json_set(file->content, "auths", json_object());
        *ret = json_get(file->content, "auths");
    }
    if ((*ret)->type != JSON_OBJECT)
        return error_new(EXIT_INPUT, "read credentials '%s': 'auths' is not an object", file->path);
    return NULL;
}

/* Removes all entries that mean KEY. Returns whether there was one. */
static bool remove_entries(struct json *entries, const char *key)
{
    bool found = false;

    for (size_t i = entries->count; i > 0; i--) {
        CLEANUP(freep) char *name = xstrdup(entries->keys[i - 1]);
        CLEANUP(freep) char *meaning = credentials_key(name);

        if (strcmp(meaning, key) != 0)
            continue;
        json_remove(entries, name);
        found = true;
    }
    return found;
}

/* Sets all entries that mean KEY to ENTRY, and keeps their spelling: Docker's own program knows
 * only one. Returns whether there was one. */
static bool replace_entries(struct json *entries, const char *key, const struct json *entry)
{
    bool found = false;

    for (size_t i = 0; i < entries->count; i++) {
        CLEANUP(freep) char *meaning = credentials_key(entries->keys[i]);

        if (strcmp(meaning, key) != 0)
            continue;
        json_set(entries, entries->keys[i], json_copy(entry));
        found = true;
    }
    return found;
}

static struct error *keep_in_file(struct login_file *file, struct json *entries, const char *key,
                                  const struct registry_access *access)
{
    CLEANUP(json_freep) struct json *entry = json_object();
    CLEANUP(buffer_free) struct buffer encoded = {0};
    CLEANUP(freep) char *pair = xasprintf("%s:%s", access->user, access->password);

    base64_encode(pair, strlen(pair), &encoded);
    explicit_bzero(pair, strlen(pair));
    json_set(entry, "auth", json_string(encoded.data));
    explicit_bzero(encoded.data, encoded.length);
    if (!replace_entries(entries, key, entry))
        json_set(entries, key, STEAL(entry));
    return write_file(file);
}

static struct error *keep(struct login_file *file, const char *key,
                          const struct registry_access *access)
{
    const char *helper = find_helper(file, key);
    CLEANUP(json_freep) struct json *nothing = json_object();
    struct json *entries = NULL;

    TRY(get_entries(file, &entries));
    if (helper == NULL)
        return keep_in_file(file, entries, key, access);
    TRY(credential_helper_store(helper, credentials_server(key), access->user, access->password));
    /* An older entry would be found before the helper for all registries is asked. */
    return replace_entries(entries, key, nothing) ? write_file(file) : NULL;
}

struct error *login_put(const char *text, const struct registry_access *access, char **ret_path)
{
    CLEANUP(login_file_free) struct login_file file = {0};
    CLEANUP(freep) char *key = NULL;

    TRY(read_key(text, &key));
    TRY(read_file(access->auth_file, &file));
    TRY(check_namespace(&file, key));
    TRY(error_context(try_credential(key, access), "log in to '%s'", key));
    TRY(keep(&file, key, access));
    *ret_path = STEAL(file.path);
    return NULL;
}

struct error *login_remove(const char *text, const char *auth_file, char **ret_path)
{
    CLEANUP(login_file_free) struct login_file file = {0};
    CLEANUP(freep) char *key = NULL;
    struct json *entries = NULL;

    TRY(read_key(text, &key));
    TRY(read_file(auth_file, &file));
    const char *helper = find_helper(&file, key);

    TRY(get_entries(&file, &entries));
    if (helper != NULL)
        TRY(credential_helper_erase(helper, credentials_server(key)));
    if (remove_entries(entries, key))
        TRY(write_file(&file));
    else if (helper == NULL)
        return error_new(EXIT_INPUT, "log out of '%s': '%s' has no credentials for it", key,
                         file.path);
    *ret_path = STEAL(file.path);
    return NULL;
}
