#include "host/registry/credentials.h"

#include <string.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/registry/base64.h"
#include "host/registry/credential_helper.h"

/* Users call Docker's registry "docker.io". It has these names besides, and credential helpers know
 * it by the URL of its first version. */
#define DOCKER_HOST "docker.io"
#define DOCKER_SERVER "https://index.docker.io/v1/"

static const char *const docker_names[] = {"index.docker.io", "registry-1.docker.io"};

struct place {
    char *path;
    bool asked_for; /* it is an error if it does not exist */
    bool legacy;    /* ~/.dockercfg: the entries without "auths" around them */
};

#define PLACES_MAX 4

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

/* Returns a path below $VARIABLE, or below ~/FALLBACK if that is not set; NULL if HOME is not set
 * either. The caller's. */
static char *below(const char *variable, const char *fallback, const char *file)
{
    const char *folder = environment(variable), *home = environment("HOME");

    if (folder != NULL)
        return xasprintf("%s/%s", folder, file);
    return home != NULL ? xasprintf("%s/%s/%s", home, fallback, file) : NULL;
}

static size_t list_places(const char *auth_file, struct place places[PLACES_MAX])
{
    const char *asked_for = auth_file != NULL ? auth_file : environment("REGISTRY_AUTH_FILE");
    const char *runtime = environment("XDG_RUNTIME_DIR"), *home = environment("HOME");
    size_t count = 0;

    if (asked_for != NULL) {
        places[0] = (struct place){.path = xstrdup(asked_for), .asked_for = true};
        return 1;
    }
    places[count++].path = runtime != NULL
                               ? xasprintf("%s/containers/auth.json", runtime)
                               : xasprintf("/run/containers/%u/auth.json", (unsigned)getuid());
    places[count++].path = below("XDG_CONFIG_HOME", ".config", "containers/auth.json");
    places[count++].path = below("DOCKER_CONFIG", ".docker", "config.json");
    if (home != NULL)
        places[count++] = (struct place){.path = xasprintf("%s/.dockercfg", home), .legacy = true};
    return count;
}

char *credentials_path(const char *auth_file)
{
    struct place places[PLACES_MAX] = {0};
    size_t count = list_places(auth_file, places);

    for (size_t i = 1; i < count; i++)
        free(places[i].path);
    return places[0].path;
}

/* *RET is NULL if there is no such file. */
static struct error *read_place(const struct place *place, struct json **ret)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};
    struct error *err =
        file_read(place->path, "credentials", CREDENTIALS_FILE_MAX, EXIT_INPUT, &bytes);

    if (err != NULL && (errno == ENOENT || errno == ENOTDIR || errno == EACCES) &&
        !place->asked_for) {
        error_free(err);
        return NULL;
    }
    TRY(err);
    TRY(json_parse(place->path, bytes.data, bytes.length, ret));
    if ((*ret)->type != JSON_OBJECT)
        return error_new(EXIT_INPUT, "read credentials '%s': not a JSON object", place->path);
    return NULL;
}

/* Reads "auth": USER:PASSWORD in Base64, where some programs have put NULs behind the password. */
static struct error *decode_pair(const char *encoded, struct credential *ret)
{
    CLEANUP(buffer_free) struct buffer pair = {0};
    bool decoded = base64_decode(encoded, &pair);

    while (pair.length > 0 && pair.data[pair.length - 1] == '\0')
        pair.length--;
    char *colon = decoded && pair.data != NULL && strlen(pair.data) == pair.length
                      ? strchr(pair.data, ':')
                      : NULL;

    if (colon == NULL)
        return error_new(EXIT_INPUT, "an 'auth' entry is not USER:PASSWORD in Base64");
    ret->user = xstrndup(pair.data, (size_t)(colon - pair.data));
    ret->password = xstrdup(colon + 1);
    explicit_bzero(pair.data, pair.length);
    return NULL;
}

static char *copy_member(const struct json *entry, const char *key)
{
    const char *text = json_get_string(entry, key);

    return text != NULL && *text != '\0' ? xstrdup(text) : NULL;
}

/* Reads an entry of "auths", as Docker's and as Kubernetes' tools write them. *RET stays empty if
 * the entry has no secret, as when a helper keeps it. */
static struct error *read_entry(const struct json *entry, struct credential *ret)
{
    CLEANUP(freep) char *encoded = copy_member(entry, "auth");
    CLEANUP(freep) char *user = copy_member(entry, "username");

    ret->registry_token = copy_member(entry, "registrytoken");
    ret->identity_token = copy_member(entry, "identitytoken");
    if (credential_given(ret))
        return NULL;
    if (encoded != NULL)
        return decode_pair(encoded, ret);
    if (user != NULL) {
        const char *password = json_get_string(entry, "password");

        ret->user = STEAL(user);
        ret->password = xstrdup(password != NULL ? password : "");
    }
    return NULL;
}

/* Returns how much of PATH, what follows the host in a key, is a namespace: none of the versions of
 * the API, and no slash at its end. */
static size_t namespace_length(const char *path)
{
    size_t length = strlen(path);

    while (length > 0 && path[length - 1] == '/')
        length--;
    return length == 3 && (strncmp(path, "/v1", 3) == 0 || strncmp(path, "/v2", 3) == 0) ? 0
                                                                                         : length;
}

/* Returns the registry or namespace of an entry's key: without scheme, the API's path and slashes
 * at the end, and "docker.io" for each of Docker's names. The caller's. */
static char *registry_of(const char *key, bool legacy)
{
    const char *host = strncmp(key, "https://", 8) == 0  ? key + 8
                       : strncmp(key, "http://", 7) == 0 ? key + 7
                                                         : key;
    size_t length = strcspn(host, "/");
    /* After a scheme, and in the legacy form, there are no namespaces. */
    size_t rest = host != key || legacy ? 0 : namespace_length(host + length);
    CLEANUP(freep) char *name = xstrndup(host, length);

    for (size_t i = 0; i < sizeof docker_names / sizeof *docker_names; i++)
        if (strcmp(name, docker_names[i]) == 0)
            return xasprintf(DOCKER_HOST "%.*s", (int)rest, host + length);
    return xstrndup(host, length + rest);
}

char *credentials_key(const char *text)
{
    return registry_of(text, false);
}

/* Returns the member of OBJECT whose key is NAME, or means that registry or namespace; NULL if
 * there is none. */
static const struct json *find_member(const struct json *object, const char *name, bool legacy)
{
    const struct json *member = json_get(object, name);

    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < object->count && member == NULL; i++) {
        CLEANUP(freep) char *registry = registry_of(object->keys[i], legacy);

        if (strcmp(registry, name) == 0)
            member = object->items[i];
    }
    return member;
}

/* Looks for the longest namespace that contains HOST/NAME. */
static struct error *search_entries(const struct json *entries, const char *host, const char *name,
                                    bool legacy, struct credential *ret)
{
    CLEANUP(freep) char *key = xasprintf("%s/%s", host, name);

    for (;;) {
        TRY(read_entry(find_member(entries, key, legacy), ret));
        char *slash = strrchr(key, '/');

        if (credential_given(ret) || slash == NULL)
            return NULL;
        *slash = '\0';
    }
}

const char *credentials_helper(const struct json *file, const char *host)
{
    const struct json *helper = find_member(json_get(file, "credHelpers"), host, false);

    return helper != NULL && helper->type == JSON_STRING ? helper->text : NULL;
}

const char *credentials_server(const char *host)
{
    return strcmp(host, DOCKER_HOST) == 0 ? DOCKER_SERVER : host;
}

static struct error *search_file(const struct json *file, bool legacy, const char *host,
                                 const char *name, struct credential *ret)
{
    if (legacy)
        return search_entries(file, host, name, true, ret);
    const char *helper = credentials_helper(file, host);
    const char *store = json_get_string(file, "credsStore");

    if (helper != NULL && *helper != '\0')
        return credential_helper_get(helper, credentials_server(host), ret);
    TRY(search_entries(json_get(file, "auths"), host, name, false, ret));
    /* An empty helper means that the file itself has the credential. */
    if (!credential_given(ret) && helper == NULL && store != NULL && *store != '\0')
        TRY(credential_helper_get(store, credentials_server(host), ret));
    return NULL;
}

static struct error *search_place(const struct place *place, const char *host, const char *name,
                                  struct credential *ret)
{
    CLEANUP(json_freep) struct json *file = NULL;

    TRY(read_place(place, &file));
    if (file == NULL)
        return NULL;
    TRY(error_context(search_file(file, place->legacy, host, name, ret), "read credentials '%s'",
                      place->path));
    if (credential_given(ret))
        ret->origin = xstrdup(place->path);
    return NULL;
}

struct error *credentials_find(const char *auth_file, const char *host, const char *name,
                               struct credential *ret)
{
    CLEANUP(freep) char *registry = registry_of(host, false);
    struct place places[PLACES_MAX] = {0};
    size_t count = list_places(auth_file, places);
    struct credential found = {0};
    struct error *err = NULL;

    for (size_t i = 0; i < count && err == NULL && !credential_given(&found); i++)
        if (places[i].path != NULL)
            err = search_place(&places[i], registry, name, &found);
    for (size_t i = 0; i < count; i++)
        free(places[i].path);
    if (err != NULL) {
        credential_free(&found);
        return err;
    }
    *ret = found;
    return NULL;
}
