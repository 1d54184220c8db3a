#include "host/spec/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/image/architecture.h"
#include "host/image/image_config.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"
#include "host/spec/spec_config.h"
#include "host/spec/spec_key.h"
#include "host/spec/spec_override.h"

#define STDIN_NAME "standard input"       /* in messages */
#define CREATED_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z: RFC 3339 has no later time */

/* A spec being read. */
struct reader {
    const char *path; /* as the user named it */
    char *folder;     /* absolute; relative paths are taken from here */
    int64_t now;
    const char *source_date_epoch;
    struct spec *spec;
};

/* An error about VALUE of KEY: where it stands and what is wrong. A value of the command line
 * stands nowhere. */
__attribute__((format(printf, 3, 4))) static struct error *
refuse(const struct spec_key *key, const struct json *value, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    CLEANUP(freep) char *cause = xvasprintf(format, args);

    va_end(args);
    if (value->line == 0)
        return error_new(EXIT_INPUT, "key '%s': %s", key->name, cause);
    return error_new(EXIT_INPUT, "line %u, column %u: key '%s': %s", value->line, value->column,
                     key->name, cause);
}

static struct error *refuse_type(const struct spec_key *key, const struct json *value,
                                 const char *expected)
{
    return refuse(key, value, "expected %s, found %s", expected, json_type_name(value->type));
}

static void *member(struct reader *reader, const struct spec_key *key)
{
    return (char *)reader->spec + key->offset;
}

/* PATH made absolute. The caller's. */
static char *absolute(const struct reader *reader, const char *path)
{
    if (*path == '/')
        return xstrdup(path);
    return xasprintf("%s/%s", reader->folder, path);
}

/* Makes VALUE's path absolute and checks that something is there. */
static struct error *read_path(struct reader *reader, const struct spec_key *key,
                               const struct json *value, char **ret)
{
    struct stat status;

    if (value->type != JSON_STRING)
        return refuse_type(key, value, "a path");
    if (*value->text == '\0')
        return refuse(key, value, "the path is empty");
    CLEANUP(freep) char *path = absolute(reader, value->text);

    if (lstat(path, &status) < 0)
        return refuse(key, value, "'%s': %s", path, strerror(errno));
    *ret = STEAL(path);
    return NULL;
}

/* The text of the file that {"file": PATH} names. */
static struct error *read_file_member(struct reader *reader, const struct spec_key *key,
                                      const struct json *value, struct buffer *out)
{
    CLEANUP(freep) char *path = NULL;
    const struct json *file = json_get(value, "file");

    if (file == NULL || value->count != 1)
        return refuse(key, value, "an object here must be {\"file\": PATH}");
    TRY(read_path(reader, key, file, &path));
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return refuse(key, file, "'%s': %s", path, strerror(errno));
    struct error *err = file_read_open(fd, GUEST_JOB_FILE_MAX, EXIT_INPUT, out);

    if (err == NULL && out->length > 0 && memchr(out->data, '\0', out->length) != NULL)
        err = error_new(EXIT_INPUT, "it is no text: it has a NUL byte");
    if (err == NULL)
        return NULL;
    CLEANUP(error_freep) struct error *cause = err;

    return refuse(key, file, "'%s': %s", path, cause->message);
}

static struct error *read_string(struct reader *reader, const struct spec_key *key,
                                 struct json *value)
{
    if (value->type != JSON_STRING)
        return refuse_type(key, value, "a string");
    if (*value->text == '\0')
        return refuse(key, value, "it is empty");
    if (key->kind == SPEC_NAME || key->kind == SPEC_TAG) {
        CLEANUP(error_freep)
        struct error *err = key->kind == SPEC_NAME ? reference_check_name(value->text)
                                                   : reference_check_tag(value->text);

        if (err != NULL)
            return error_advise(refuse(key, value, "%s", err->message), "%s",
                                err->advice != NULL ? err->advice : "choose another name");
    }
    *(char **)member(reader, key) = xstrdup(value->text);
    return NULL;
}

static struct error *read_reference(struct reader *reader, const struct spec_key *key,
                                    struct json *value)
{
    CLEANUP(reference_free) struct reference reference = {0};
    struct stat status;

    if (value->type != JSON_STRING)
        return refuse_type(key, value, "an image reference");
    CLEANUP(error_freep) struct error *err = reference_parse(value->text, &reference);

    if (err != NULL) {
        struct error *refusal = refuse(key, value, "%s", err->message);

        return err->advice != NULL ? error_advise(refusal, "%s", err->advice) : refusal;
    }
    if (reference.transport != TRANSPORT_DOCKER) {
        char *path = absolute(reader, reference.path);

        free(reference.path);
        reference.path = path;
        if (reference.transport != TRANSPORT_PATH && strchr(path, ':') != NULL)
            return error_advise(refuse(key, value, "'%s': a path with a ':' in it", path),
                                "name the file without a transport such as 'docker-archive:'");
        if (stat(path, &status) < 0)
            return error_advise(refuse(key, value, "'%s': %s", path, strerror(errno)),
                                "an image in a registry is docker://HOST/NAME[:TAG]");
    }
    *(char **)member(reader, key) = reference_format(&reference);
    return NULL;
}

static struct error *add_path(struct reader *reader, const struct spec_key *key,
                              const struct json *value, struct strings *paths)
{
    char *path = NULL;

    TRY(read_path(reader, key, value, &path));
    strings_take(paths, path);
    return NULL;
}

static struct error *read_paths(struct reader *reader, const struct spec_key *key,
                                struct json *value)
{
    struct strings *paths = member(reader, key);

    if (value->type == JSON_STRING)
        return *value->text != '\0' ? add_path(reader, key, value, paths) : NULL;
    if (value->type != JSON_ARRAY)
        return refuse_type(key, value, "a path or a list of paths");
    for (size_t i = 0; i < value->count; i++)
        TRY(add_path(reader, key, value->items[i], paths));
    return NULL;
}

/* Takes "." and ".." out of the absolute PATH in place, since the layer has it as it stands. The
 * folder of the spec, from which a relative one leads, has no symlinks in it. */
static void take_out_dots(char *path)
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

static struct error *add_closure_path(struct reader *reader, const struct spec_key *key,
                                      const struct json *value, struct strings *paths)
{
    TRY(add_path(reader, key, value, paths));
    take_out_dots(paths->items[paths->count - 1]);
    return NULL;
}

/* A file with a path a line, as `nix-store -qR` prints. */
static struct error *read_closure_file(struct reader *reader, const struct spec_key *key,
                                       const struct json *value, struct strings *paths)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    char *state = NULL;

    TRY(read_file_member(reader, key, value, &text));
    buffer_reserve(&text, 0);
    for (char *line = strtok_r(text.data, "\n", &state); line != NULL;
         line = strtok_r(NULL, "\n", &state)) {
        CLEANUP(json_freep) struct json *path = json_string(line);

        path->line = value->line;
        path->column = value->column;
        TRY(add_closure_path(reader, key, path, paths));
    }
    return NULL;
}

static struct error *read_closure(struct reader *reader, const struct spec_key *key,
                                  struct json *value)
{
    struct strings *paths = member(reader, key);

    if (value->type == JSON_OBJECT)
        return read_closure_file(reader, key, value, paths);
    if (value->type != JSON_ARRAY)
        return refuse_type(key, value, "a list of paths or {\"file\": PATH}");
    for (size_t i = 0; i < value->count; i++)
        TRY(add_closure_path(reader, key, value->items[i], paths));
    return NULL;
}

static struct error *read_config(struct reader *reader, const struct spec_key *key,
                                 struct json *value)
{
    if (value->type != JSON_OBJECT)
        return refuse_type(key, value, "an object");
    TRY(spec_config_check(value));
    *(struct json **)member(reader, key) = json_copy(value);
    return NULL;
}

static struct error *read_script(struct reader *reader, const struct spec_key *key,
                                 struct json *value)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    if (value->type == JSON_OBJECT)
        TRY(read_file_member(reader, key, value, &text));
    else if (value->type == JSON_STRING)
        buffer_append(&text, value->text, strlen(value->text));
    else
        return refuse_type(key, value, "a string or {\"file\": PATH}");
    if (text.length > 0) /* an empty script is none, as in dockerTools */
        *(char **)member(reader, key) = buffer_steal(&text);
    return NULL;
}

static struct error *read_boolean(struct reader *reader, const struct spec_key *key,
                                  struct json *value)
{
    if (value->type != JSON_BOOLEAN)
        return refuse_type(key, value, "true or false");
    *(bool *)member(reader, key) = value->boolean;
    return NULL;
}

static struct error *read_number(struct reader *reader, const struct spec_key *key,
                                 struct json *value)
{
    uint64_t number = 0;

    if (value->type != JSON_NUMBER)
        return refuse_type(key, value, "a number");
    if (!json_to_unsigned(value, key->most, &number) || number < key->least)
        return refuse(key, value, "%.40s is no whole number from %ju to %ju", value->text,
                      (uintmax_t)key->least, (uintmax_t)key->most);
    *(uint64_t *)member(reader, key) = number;
    return NULL;
}

/* Whether the clean PATH is DIR or below it. */
static bool is_below(const char *path, const char *dir)
{
    size_t length = strlen(dir);

    return strncmp(path, dir, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* Checks a share's target and brings it into its normal form. */
static struct error *clean_target(const struct spec_key *key, const struct json *value, char **ret)
{
    static const char *const taken[] = {"/dev", "/proc", "/sys"};
    CLEANUP(buffer_free) struct buffer clean = {0};
    CLEANUP(freep) char *copy = xstrdup(value->text);
    char *state = NULL;

    if (*value->text != '/')
        return refuse(key, value, "target '%s' is no absolute path", value->text);
    for (char *part = strtok_r(copy, "/", &state); part != NULL;
         part = strtok_r(NULL, "/", &state)) {
        if (strcmp(part, "..") == 0)
            return refuse(key, value, "target '%s' has a '..' in it", value->text);
        if (strcmp(part, ".") != 0)
            buffer_printf(&clean, "/%s", part);
    }
    if (clean.length == 0)
        return refuse(key, value, "the target cannot be the root folder");
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (is_below(clean.data, taken[i]))
            return refuse(key, value, "the target cannot be in %s", taken[i]);
    *ret = buffer_steal(&clean);
    return NULL;
}

static struct error *read_share(struct reader *reader, const struct spec_key *key,
                                const struct json *value, struct spec_share *ret)
{
    const struct json *source = json_get(value, "source");
    const struct json *target = json_get(value, "target");
    struct stat status;

    if (source == NULL || target == NULL || value->count != 2 || target->type != JSON_STRING)
        return refuse(key, value, "each must be {\"source\": PATH, \"target\": PATH}");
    TRY(read_path(reader, key, source, &ret->source));
    if (stat(ret->source, &status) == 0 && !S_ISDIR(status.st_mode))
        return refuse(key, source, "'%s': it is no folder", ret->source);
    if (access(ret->source, R_OK | X_OK) < 0)
        return refuse(key, source, "'%s': %s", ret->source, strerror(errno));
    return clean_target(key, target, &ret->target);
}

static struct error *read_shares(struct reader *reader, const struct spec_key *key,
                                 struct json *value)
{
    struct spec *spec = reader->spec;

    if (value->type != JSON_ARRAY)
        return refuse_type(key, value, "a list");
    spec->shares = xcalloc(value->count, sizeof *spec->shares);
    for (size_t i = 0; i < value->count; i++) {
        struct spec_share *share = &spec->shares[spec->share_count++];

        TRY(read_share(reader, key, value->items[i], share));
        for (size_t j = 0; j < i; j++)
            if (is_below(spec->shares[j].target, share->target) ||
                is_below(share->target, spec->shares[j].target))
                return refuse(key, value->items[i], "target '%s' and target '%s' overlap",
                              share->target, spec->shares[j].target);
    }
    return NULL;
}

static struct error *read_env(struct reader *reader, const struct spec_key *key, struct json *value)
{
    if (value->type != JSON_OBJECT)
        return refuse_type(key, value, "an object of strings");
    for (size_t i = 0; i < value->count; i++) {
        if (value->items[i]->type != JSON_STRING)
            return refuse(key, value->items[i], "'%s': expected a string, found %s", value->keys[i],
                          json_type_name(value->items[i]->type));
        if (*value->keys[i] == '\0' || strchr(value->keys[i], '=') != NULL)
            return refuse(key, value->items[i], "'%s' is no name of a variable", value->keys[i]);
    }
    *(struct json **)member(reader, key) = json_copy(value);
    return NULL;
}

static struct error *read_created(struct reader *reader, const struct spec_key *key,
                                  struct json *value)
{
    int64_t *created = member(reader, key);

    if (value->type != JSON_STRING)
        return refuse_type(key, value, "a time");
    if (strcmp(value->text, "now") == 0)
        *created = reader->now;
    else if (!image_config_parse_time(value->text, created))
        return refuse(key, value, "'%.100s' is no RFC 3339 time such as 2024-02-29T12:00:00Z",
                      value->text);
    return NULL;
}

static struct error *read_architecture(struct reader *reader, const struct spec_key *key,
                                       struct json *value)
{
    if (value->type != JSON_STRING)
        return refuse_type(key, value, "a string");
    if (!architecture_is_known(value->text)) {
        const char *known = architecture_of_machine(value->text);
        struct error *err = refuse(key, value, "'%.40s' is no architecture", value->text);

        return error_advise(err, "did you mean '%s'?", known != NULL ? known : "amd64");
    }
    *(char **)member(reader, key) = xstrdup(value->text);
    return NULL;
}

static struct error *read_value(struct reader *reader, const struct spec_key *key,
                                struct json *value)
{
    static struct error *(*const read_kind[])(struct reader *, const struct spec_key *,
                                              struct json *) = {
        [SPEC_NAME] = read_string,     [SPEC_TAG] = read_string,
        [SPEC_STRING] = read_string,   [SPEC_REFERENCE] = read_reference,
        [SPEC_PATHS] = read_paths,     [SPEC_CLOSURE] = read_closure,
        [SPEC_CONFIG] = read_config,   [SPEC_SCRIPT] = read_script,
        [SPEC_BOOLEAN] = read_boolean, [SPEC_NUMBER] = read_number,
        [SPEC_SHARES] = read_shares,   [SPEC_ENV] = read_env,
        [SPEC_CREATED] = read_created, [SPEC_ARCHITECTURE] = read_architecture,
    };

    return read_kind[key->kind](reader, key, value);
}

static struct error *refuse_key(const char *name, const struct json *value)
{
    const char *nearest = nearest_word(name, spec_key_name, spec_key_count);
    struct error *err = error_new(EXIT_INPUT, "line %u, column %u: unknown key '%.100s'",
                                  value->line, value->column, name);

    if (nearest != NULL)
        return error_advise(err, "did you mean '%s'?", nearest);
    return error_advise(err, "'vmbuild schema' lists the keys");
}

/* SOURCE_DATE_EPOCH, as reproducible-builds.org specifies it. */
static struct error *default_created(struct reader *reader)
{
    const char *text = reader->source_date_epoch;

    reader->spec->created = 1;
    if (text == NULL)
        return NULL;
    size_t digits = strspn(text, "0123456789");
    int64_t seconds = digits <= 12 ? strtoll(text, NULL, 10) : INT64_MAX;

    if (digits == 0 || text[digits] != '\0' || seconds > CREATED_MAX)
        return error_new(EXIT_INPUT,
                         "SOURCE_DATE_EPOCH '%.40s' is no number of seconds up to the year 9999",
                         text);
    reader->spec->created = seconds;
    return NULL;
}

static struct error *fill_defaults(struct reader *reader)
{
    for (size_t i = 0; i < spec_key_count; i++)
        if (spec_keys[i].kind == SPEC_NUMBER)
            *(uint64_t *)member(reader, &spec_keys[i]) = spec_keys[i].initial;
    return default_created(reader);
}

static struct error *read_document(struct reader *reader, struct json *root)
{
    struct spec *spec = reader->spec;

    if (root->type != JSON_OBJECT)
        return error_new(EXIT_INPUT, "line %u, column %u: expected an object, found %s", root->line,
                         root->column, json_type_name(root->type));
    TRY(fill_defaults(reader));
    for (size_t i = 0; i < root->count; i++) {
        const struct spec_key *key = spec_key_find(root->keys[i]);

        if (key == NULL)
            return refuse_key(root->keys[i], root->items[i]);
        if (root->items[i]->type != JSON_NULL || key->kind == SPEC_NAME)
            TRY(read_value(reader, key, root->items[i]));
    }
    if (spec->name == NULL)
        return error_advise(error_new(EXIT_INPUT, "the key 'name' is missing"),
                            "add \"name\": \"NAME\"");
    if (spec->tag == NULL)
        spec->tag = xstrdup("latest");
    if (spec->architecture == NULL)
        spec->architecture = xstrdup(architecture_of_host());
    return NULL;
}

static void apply_overrides(struct json *root, const struct json *overrides)
{
    if (root->type != JSON_OBJECT)
        return;
    for (size_t i = 0; i < overrides->count; i++)
        json_set(root, overrides->keys[i], json_copy(overrides->items[i]));
}

static struct error *read_bytes(const char *path, struct buffer *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    CLEANUP(closep)
    int opened = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);

    if (!is_stdin && opened < 0)
        return error_errno(EXIT_INPUT, "open spec '%s'", path);
    return error_context(
        file_read_open(is_stdin ? STDIN_FILENO : opened, JSON_SIZE_MAX, EXIT_INPUT, out),
        "read spec '%s'", is_stdin ? STDIN_NAME : path);
}

static struct error *find_folder(const char *path, char **ret)
{
    CLEANUP(freep) char *copy = xstrdup(path);
    const char *folder = strcmp(path, "-") == 0 ? "." : dirname(copy);

    *ret = realpath(folder, NULL);
    if (*ret == NULL)
        return error_errno(EXIT_INPUT, "open the folder of spec '%s'", path);
    return NULL;
}

struct error *spec_read(const char *path, const struct spec_override *overrides,
                        size_t override_count, int64_t now, const char *source_date_epoch,
                        struct spec **ret)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    CLEANUP(freep) char *folder = NULL;
    CLEANUP(freep) char *name = xasprintf("spec '%s'", strcmp(path, "-") == 0 ? STDIN_NAME : path);
    CLEANUP(json_freep) struct json *root = NULL;
    CLEANUP(json_freep) struct json *over = NULL;
    CLEANUP(spec_freep) struct spec *spec = xcalloc(1, sizeof *spec);

    TRY(spec_overrides_read(overrides, override_count, &over));
    TRY(read_bytes(path, &text));
    TRY(find_folder(path, &folder));
    TRY(json_parse(name, text.data, text.length, &root));
    apply_overrides(root, over);
    struct reader reader = {path, folder, now, source_date_epoch, spec};

    TRY(error_context(read_document(&reader, root), "read %s", name));
    *ret = STEAL(spec);
    return NULL;
}

void spec_free(struct spec *spec)
{
    if (spec == NULL)
        return;
    char *texts[] = {
        spec->name,           spec->tag,         spec->from_image,     spec->from_image_name,
        spec->from_image_tag, spec->run_as_root, spec->extra_commands, spec->pre_mount,
        spec->post_mount,     spec->post_umount, spec->architecture};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    for (size_t i = 0; i < spec->share_count; i++) {
        free(spec->shares[i].source);
        free(spec->shares[i].target);
    }
    free(spec->shares);
    strings_free(&spec->contents);
    strings_free(&spec->closure);
    json_free(spec->config);
    json_free(spec->env);
    free(spec);
}
