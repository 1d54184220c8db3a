#include "host/registry/registries_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/toml.h"

#define SYSTEM_FILE "/etc/containers/registries.conf"
#define USER_FILE ".config/containers/registries.conf"

void registries_file_free(struct registries_file *files)
{
    json_free(files->registries);
    json_free(files->aliases);
    json_free(files->search);
    json_free(files->origins);
    *files = (struct registries_file){0};
}

static struct error *refuse(const struct json *value, const char *key, const char *expected)
{
    return error_new(EXIT_INPUT, "line %u: '%s' must be %s", value->line, key, expected);
}

/* Returns an error if OBJECT has a member KEY of another type than TYPE, which is EXPECTED. */
static struct error *check_type(const struct json *object, const char *key, enum json_type type,
                                const char *expected)
{
    const struct json *value = json_get(object, key);

    return value != NULL && value->type != type ? refuse(value, key, expected) : NULL;
}

bool registries_file_flag(const struct json *table, const char *key)
{
    const struct json *value = json_get(table, key);

    return value != NULL && value->boolean;
}

char *registries_file_location(const char *text)
{
    const char *start = strncmp(text, "https://", 8) == 0  ? text + 8
                        : strncmp(text, "http://", 7) == 0 ? text + 7
                                                           : text;

    return file_without_slash(start);
}

static struct error *check_mirror(const struct json *mirror)
{
    const char *location = json_get_string(mirror, "location");
    const struct json *mode = json_get(mirror, "pull-from-mirror");

    if (mirror->type != JSON_OBJECT)
        return refuse(mirror, "mirror", "an array of tables");
    if (location == NULL || *location == '\0')
        return error_new(EXIT_INPUT, "line %u: a mirror needs a 'location'", mirror->line);
    TRY(check_type(mirror, "insecure", JSON_BOOLEAN, "true or false"));
    if (mode != NULL &&
        (mode->type != JSON_STRING ||
         (*mode->text != '\0' && strcmp(mode->text, "all") != 0 &&
          strcmp(mode->text, "digest-only") != 0 && strcmp(mode->text, "tag-only") != 0)))
        return refuse(mode, "pull-from-mirror", "one of all, digest-only, tag-only");
    return NULL;
}

/* Adds a [[registry]] of the file PATH. */
static struct error *add_registry(struct registries_file *files, const struct json *registry,
                                  const char *path)
{
    static const char *const texts[] = {"location", "prefix"};
    static const char *const flags[] = {"insecure", "blocked", "mirror-by-digest-only"};
    const struct json *mirrors = json_get(registry, "mirror");
    const char *location = json_get_string(registry, "location");
    const char *prefix = json_get_string(registry, "prefix");

    if (registry->type != JSON_OBJECT)
        return refuse(registry, "registry", "an array of tables");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        TRY(check_type(registry, texts[i], JSON_STRING, "a string"));
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        TRY(check_type(registry, flags[i], JSON_BOOLEAN, "true or false"));
    TRY(check_type(registry, "mirror", JSON_ARRAY, "an array of tables"));
    for (size_t i = 0; mirrors != NULL && i < mirrors->count; i++)
        TRY(check_mirror(mirrors->items[i]));
    if (prefix == NULL || *prefix == '\0')
        prefix = location;
    if (prefix == NULL || *prefix == '\0')
        return error_new(EXIT_INPUT, "line %u: a registry needs a 'location' or a 'prefix'",
                         registry->line);
    CLEANUP(freep) char *key = registries_file_location(prefix);

    json_set(files->registries, key, json_copy(registry));
    json_set(files->origins, key, json_string(path));
    return NULL;
}

/* Adds the registries that the old form of the file lists as KIND: each gets the flag FLAG. */
static struct error *add_old_list(struct registries_file *files, const struct json *file,
                                  const char *kind, const char *flag, const char *path)
{
    const struct json *list = json_get(json_get(json_get(file, "registries"), kind), "registries");

    if (list != NULL && list->type != JSON_ARRAY)
        return refuse(list, "registries", "an array of strings");
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        CLEANUP(json_freep) struct json *registry = json_object();

        if (list->items[i]->type != JSON_STRING)
            return refuse(list->items[i], "registries", "an array of strings");
        CLEANUP(freep) char *key = registries_file_location(list->items[i]->text);
        const struct json *old = json_get(files->registries, key);

        if (old != NULL) {
            json_free(registry);
            registry = json_copy(old);
        }
        json_set(registry, "location", json_string(key));
        json_set(registry, flag, json_boolean(true));
        TRY(add_registry(files, registry, path));
    }
    return NULL;
}

/* Takes the list of search registries, of either form. */
static struct error *add_search(struct registries_file *files, const struct json *list)
{
    if (list == NULL)
        return NULL;
    if (list->type != JSON_ARRAY)
        return refuse(list, "unqualified-search-registries", "an array of strings");
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->type != JSON_STRING)
            return refuse(list->items[i], "unqualified-search-registries", "an array of strings");
    json_free(files->search);
    files->search = json_copy(list);
    return NULL;
}

static struct error *add_aliases(struct registries_file *files, const struct json *aliases)
{
    for (size_t i = 0; aliases != NULL && i < aliases->count; i++) {
        const struct json *value = aliases->items[i];

        if (aliases->type != JSON_OBJECT || value->type != JSON_STRING)
            return refuse(value, "aliases", "a table of strings");
        json_remove(files->aliases, aliases->keys[i]);
        if (*value->text != '\0')
            json_set(files->aliases, aliases->keys[i], json_copy(value));
    }
    return NULL;
}

static struct error *add_content(struct registries_file *files, const struct json *file,
                                 const char *path)
{
    const struct json *registries = json_get(file, "registry");

    if (registries != NULL && registries->type != JSON_ARRAY)
        return refuse(registries, "registry", "an array of tables");
    for (size_t i = 0; registries != NULL && i < registries->count; i++)
        TRY(add_registry(files, registries->items[i], path));
    TRY(add_old_list(files, file, "insecure", "insecure", path));
    TRY(add_old_list(files, file, "block", "blocked", path));
    TRY(add_search(files,
                   json_get(json_get(json_get(file, "registries"), "search"), "registries")));
    TRY(add_search(files, json_get(file, "unqualified-search-registries")));
    return add_aliases(files, json_get(file, "aliases"));
}

/* Adds the file PATH; REQUIRED: it is an error if it does not exist. */
static struct error *add_file(struct registries_file *files, const char *path, bool required)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(json_freep) struct json *file = NULL;
    CLEANUP(freep) char *name = xasprintf("registries '%s'", path);
    struct error *err = file_read(path, "registries", TOML_SIZE_MAX, EXIT_INPUT, &bytes);

    if (err != NULL && !required && (errno == ENOENT || errno == ENOTDIR)) {
        error_free(err);
        return NULL;
    }
    TRY(err);
    TRY(toml_parse(name, bytes.data, bytes.length, &file));
    return error_context(add_content(files, file, path), "read %s", name);
}

/* Adds the files *.conf of the directory PATH, sorted. */
static struct error *add_folder(struct registries_file *files, const char *path)
{
    CLEANUP(strings_free) struct strings names = {0};
    CLEANUP(closedirp) DIR *folder = opendir(path);
    struct dirent *entry;

    if (folder == NULL)
        return NULL;
    while ((entry = readdir(folder)) != NULL) {
        size_t length = strlen(entry->d_name);

        if (length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0)
            strings_add(&names, entry->d_name);
    }
    if (names.count > REGISTRIES_FILES_MAX)
        return error_new(EXIT_INPUT, "read registries '%s': more than %d files", path,
                         REGISTRIES_FILES_MAX);
    strings_sort(&names);
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(freep) char *file = xasprintf("%s/%s", path, names.items[i]);

        TRY(add_file(files, file, false));
    }
    return NULL;
}

struct error *registries_file_read(struct registries_file *ret)
{
    const char *chosen = getenv("CONTAINERS_REGISTRIES_CONF"), *home = getenv("HOME");
    bool is_chosen = chosen != NULL && *chosen != '\0', has_home = home != NULL && *home != '\0';
    CLEANUP(freep) char *own = has_home ? xasprintf("%s/" USER_FILE, home) : NULL;
    CLEANUP(freep) char *own_folder = has_home ? xasprintf("%s.d", own) : NULL;
    bool is_own = !is_chosen && has_home && access(own, F_OK) == 0;

    *ret = (struct registries_file){json_object(), json_object(), json_array(), json_object()};
    TRY(add_file(ret, is_chosen ? chosen : is_own ? own : SYSTEM_FILE, is_chosen));
    if (!is_own)
        TRY(add_folder(ret, SYSTEM_FILE ".d"));
    return has_home ? add_folder(ret, own_folder) : NULL;
}
