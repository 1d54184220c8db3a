#include "host/spec/spec_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/machine/machine.h"
#include "host/spec/json_schema.h"
#include "host/spec/spec.h"
#include "host/spec/spec_error.h"
#include "host/spec/spec_value.h"

char *spec_path_absolute(const struct spec_source *source, const char *path)
{
    if (*path == '/')
        return xstrdup(path);
    return xasprintf("%s/%s", source->folder, path);
}

struct error *spec_path_read(const struct spec_key *key, const struct spec_source *source,
                             const struct json *value, char **ret)
{
    struct stat status;

    if (value->type != JSON_STRING)
        return spec_error_type(key->name, value, "a path");
    if (*value->text == '\0')
        return spec_error(key->name, value, "a path must not be empty");
    CLEANUP(freep) char *path = spec_path_absolute(source, value->text);

    if (lstat(path, &status) < 0)
        return spec_error(key->name, value, "'%s': %s", path, strerror(errno));
    *ret = STEAL(path);
    return NULL;
}

struct error *spec_path_read_target(const struct spec_key *key, const struct json *value,
                                    char **ret)
{
    CLEANUP(buffer_free) struct buffer clean = {0};
    CLEANUP(freep) char *copy = xstrdup(value->text);
    char *state = NULL;

    if (*value->text != '/')
        return spec_error(key->name, value, "target '%s' must be an absolute path", value->text);
    for (char *part = strtok_r(copy, "/", &state); part != NULL;
         part = strtok_r(NULL, "/", &state)) {
        if (strcmp(part, "..") == 0)
            return spec_error(key->name, value, "target '%s' must not contain '..'", value->text);
        if (strcmp(part, ".") != 0)
            buffer_printf(&clean, "/%s", part);
    }
    if (clean.length == 0)
        buffer_append(&clean, "/", 1);
    *ret = buffer_steal(&clean);
    return NULL;
}

/* The text of the file that {"file": PATH} names. */
static struct error *read_file(const struct spec_key *key, const struct spec_source *source,
                               const struct json *value, struct buffer *out)
{
    CLEANUP(freep) char *path = NULL;
    const struct json *file = json_get(value, "file");

    if (file == NULL || value->count != 1)
        return spec_error(key->name, value, "an object here must be {\"file\": PATH}");
    TRY(spec_path_read(key, source, file, &path));
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return spec_error(key->name, file, "'%s': %s", path, strerror(errno));
    struct error *err = file_read_open(fd, GUEST_JOB_FILE_MAX, EXIT_INPUT, out);

    if (err == NULL && out->length > 0 && memchr(out->data, '\0', out->length) != NULL)
        err = error_new(EXIT_INPUT, "not a text file: it contains a NUL byte");
    if (err == NULL)
        return NULL;
    CLEANUP(error_freep) struct error *cause = err;

    return spec_error(key->name, file, "'%s': %s", path, cause->message);
}

static struct json *file_schema(void)
{
    static const char *const names[] = {"file", NULL};

    return json_schema_record(names);
}

/* Lists of paths. */

static struct error *add_path(const struct spec_key *key, const struct spec_source *source,
                              const struct json *value, struct strings *paths)
{
    char *path = NULL;

    TRY(spec_path_read(key, source, value, &path));
    strings_take(paths, path);
    return NULL;
}

static void free_list(void *member)
{
    strings_free(member);
}

static struct json *describe_list(const void *member)
{
    const struct strings *list = member;
    struct json *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_append(array, json_string(list->items[i]));
    return array;
}

/* A closure: paths that keep their place. */

/* Removes "." and ".." from the absolute PATH in place, since the layer has it as it stands. The
 * directory of the spec, from which a relative one leads, has no symlinks in it. */
static void remove_dots(char *path)
{
    char *end = path; /* of what is done */
    const char *part = path;

    while (*(part += strspn(part, "/")) != '\0') {
        size_t length = strcspn(part, "/");

        if (length == 2 && memcmp(part, "..", 2) == 0) {
            while (end > path && *--end != '/')
                ;
        } else if (length != 1 || *part != '.') {
            *end++ = '/';
            memmove(end, part, length);
            end += length;
        }
        part += length;
    }
    if (end == path)
        *end++ = '/';
    *end = '\0';
}

static struct error *add_closure_path(const struct spec_key *key, const struct spec_source *source,
                                      const struct json *value, struct strings *paths)
{
    TRY(add_path(key, source, value, paths));
    remove_dots(paths->items[paths->count - 1]);
    return NULL;
}

/* A file with a path per line, as `nix-store -qR` prints them. */
static struct error *read_closure_file(const struct spec_key *key, const struct spec_source *source,
                                       const struct json *value, struct strings *paths)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    char *state = NULL;

    TRY(read_file(key, source, value, &text));
    buffer_reserve(&text, 0);
    for (char *line = strtok_r(text.data, "\n", &state); line != NULL;
         line = strtok_r(NULL, "\n", &state)) {
        CLEANUP(json_freep) struct json *path = json_string(line);

        path->line = value->line;
        path->column = value->column;
        TRY(add_closure_path(key, source, path, paths));
    }
    return NULL;
}

static struct error *read_closure(const struct spec_key *key, const struct spec_source *source,
                                  struct json *value, void *member)
{
    if (value->type == JSON_OBJECT)
        return read_closure_file(key, source, value, member);
    if (value->type != JSON_ARRAY)
        return spec_error_type(key->name, value, "a list of paths or {\"file\": PATH}");
    for (size_t i = 0; i < value->count; i++)
        TRY(add_closure_path(key, source, value->items[i], member));
    return NULL;
}

static struct json *closure_schema(const struct spec_key *key)
{
    (void)key;
    return json_schema_either(json_schema_list(json_schema_type("string")), file_schema());
}

const struct spec_kind spec_path_closure = {
    .type = "list, or {\"file\": PATH}",
    .json_start = "",
    .read = read_closure,
    .free = free_list,
    .describe = describe_list,
    .schema = closure_schema,
};

/* A script. */

static struct error *read_script(const struct spec_key *key, const struct spec_source *source,
                                 struct json *value, void *member)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    if (value->type == JSON_OBJECT)
        TRY(read_file(key, source, value, &text));
    else if (value->type == JSON_STRING)
        buffer_append(&text, value->text, strlen(value->text));
    else
        return spec_error_type(key->name, value, "a string or {\"file\": PATH}");
    if (text.length > 0) /* an empty script counts as not given, as in dockerTools */
        *(char **)member = buffer_steal(&text);
    return NULL;
}

static struct json *script_schema(const struct spec_key *key)
{
    (void)key;
    return json_schema_either(json_schema_type("string"), file_schema());
}

const struct spec_kind spec_path_script = {
    .type = "string, or {\"file\": PATH}",
    .json_start = "{\"", /* a group of shell commands begins with a brace, too, but not so */
    .read = read_script,
    .free = spec_value_free_string,
    .describe = spec_value_describe_string,
    .is_script = true,
    .schema = script_schema,
};

/* Shares. */

bool spec_path_is_below(const char *path, const char *dir)
{
    size_t length = strlen(dir);

    return strncmp(path, dir, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

struct error *spec_path_read_mount(const struct spec_key *key, const struct json *value, char **ret)
{
    static const char *const taken[] = {"/dev", "/proc", "/sys"};

    TRY(spec_path_read_target(key, value, ret));
    if (strcmp(*ret, "/") == 0)
        return spec_error(key->name, value, "the target must not be the root directory");
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (spec_path_is_below(*ret, taken[i]))
            return spec_error(key->name, value, "target '%s' must not be in %s", value->text,
                              taken[i]);
    return NULL;
}

static struct error *read_share(const struct spec_key *key, const struct spec_source *source,
                                const struct json *value, struct spec_share *ret)
{
    const struct json *from = json_get(value, "source");
    const struct json *target = json_get(value, "target");
    struct stat status;

    if (from == NULL || target == NULL || value->count != 2 || target->type != JSON_STRING)
        return spec_error(key->name, value,
                          "each item must be {\"source\": PATH, \"target\": PATH}");
    TRY(spec_path_read(key, source, from, &ret->source));
    if (stat(ret->source, &status) == 0 && !S_ISDIR(status.st_mode))
        return spec_error(key->name, from, "'%s': not a directory", ret->source);
    if (access(ret->source, R_OK | X_OK) < 0)
        return spec_error(key->name, from, "'%s': %s", ret->source, strerror(errno));
    return spec_path_read_mount(key, target, &ret->target);
}

/* Refuses the last of SHARES, which is VALUE, if its target overlaps an earlier one. */
static struct error *check_overlap(const struct spec_key *key, const struct json *value,
                                   const struct spec_shares *shares)
{
    const char *last = shares->items[shares->count - 1].target;

    for (size_t i = 0; i + 1 < shares->count; i++)
        if (spec_path_is_below(shares->items[i].target, last) ||
            spec_path_is_below(last, shares->items[i].target))
            return spec_error(key->name, value, "target '%s' and target '%s' overlap", last,
                              shares->items[i].target);
    return NULL;
}

static struct error *read_shares(const struct spec_key *key, const struct spec_source *source,
                                 struct json *value, void *member)
{
    struct spec_shares *shares = member;

    if (value->type != JSON_ARRAY)
        return spec_error_type(key->name, value, "a list");
    shares->items = xcalloc(value->count, sizeof *shares->items);
    for (size_t i = 0; i < value->count; i++) {
        TRY(read_share(key, source, value->items[i], &shares->items[shares->count++]));
        TRY(check_overlap(key, value->items[i], shares));
    }
    return NULL;
}

static void free_shares(void *member)
{
    struct spec_shares *shares = member;

    for (size_t i = 0; i < shares->count; i++) {
        free(shares->items[i].source);
        free(shares->items[i].target);
    }
    free(shares->items);
    *shares = (struct spec_shares){0};
}

static struct json *describe_shares(const void *member)
{
    const struct spec_shares *shares = member;
    struct json *array = json_array();

    for (size_t i = 0; i < shares->count; i++) {
        struct json *share = json_object();

        json_set(share, "source", json_string(shares->items[i].source));
        json_set(share, "target", json_string(shares->items[i].target));
        json_append(array, share);
    }
    return array;
}

static struct json *shares_schema(const struct spec_key *key)
{
    static const char *const names[] = {"source", "target", NULL};

    (void)key;
    return json_schema_list(json_schema_record(names));
}

/* TAG:TARGET, with the tags that the machine gives them. */
static void shares_values(const void *member, struct strings *out)
{
    const struct spec_shares *shares = member;

    for (size_t i = 0; i < shares->count; i++) {
        CLEANUP(freep) char *tag = machine_share_tag(i);

        strings_take(out, xasprintf("%s:%s", tag, shares->items[i].target));
    }
}

const struct spec_kind spec_path_shares = {
    .type = "list of {\"source\", \"target\"}",
    .json_start = "",
    .read = read_shares,
    .free = free_shares,
    .describe = describe_shares,
    .schema = shares_schema,
    .word_kind = GUEST_LIST,
    .word_values = shares_values,
};
