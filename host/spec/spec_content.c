#include "host/spec/spec_content.h"

#include <stdlib.h>
#include <string.h>

#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"
#include "host/spec/json_schema.h"
#include "host/spec/spec_content_rules.h"
#include "host/spec/spec_error.h"
#include "host/spec/spec_image.h"
#include "host/spec/spec_path.h"

#define PATH_PATTERN "^/(?!(.*/)?\\.\\.(/|$))"
#define NAME_PATTERN "^(?!\\.\\.?$)[^/]+$"
/* Reads one member of an element into CONTENT. */
typedef struct error *(*member_read)(const struct spec_key *key, const struct spec_source *source,
                                     const struct json *value, struct spec_content *content);

static struct error *read_source(const struct spec_key *key, const struct spec_source *source,
                                 const struct json *value, struct spec_content *content)
{
    TRY(spec_path_read(key, source, value, &content->source));
    if (*value->text != '/')
        content->written = xstrdup(value->text);
    return NULL;
}

static struct error *read_image(const struct spec_key *key, const struct spec_source *source,
                                const struct json *value, struct spec_content *content)
{
    CLEANUP(reference_free) struct reference reference = {0};

    TRY(spec_image_read(key, source, value, &content->image));
    if (content->image.is_built)
        return NULL;
    TRY(reference_parse(content->image.name, &reference));
    return reference_is_stdin(&reference)
               ? spec_error(key->name, value, "an image here must not be standard input")
               : NULL;
}

/* Reads VALUE, of the member NAME, an absolute path, into *RET, which is replaced. */
static struct error *read_absolute(const struct spec_key *key, const struct json *value,
                                   const char *name, char **ret)
{
    char *path = NULL;

    if (value->type != JSON_STRING)
        return spec_error(key->name, value, "'%s' must be an absolute path", name);
    TRY(spec_path_read_target(key, value, &path));
    free(*ret);
    *ret = path;
    return NULL;
}

/* Reads the path in an image or a directory of the host. */
static struct error *read_path(const struct spec_key *key, const struct spec_source *source,
                               const struct json *value, struct spec_content *content)
{
    (void)source;
    TRY(read_absolute(key, value, "path", &content->path));
    const char *pivot = strstr(value->text, "/./");
    CLEANUP(json_freep) struct json *above = json_string(value->text);
    CLEANUP(freep) char *path = NULL;

    if (pivot == NULL || pivot == value->text)
        return NULL;
    above->text[pivot - value->text] = '\0';
    TRY(spec_path_read_target(key, above, &path));
    content->pivot = path[1] != '\0' ? strlen(path) : 0;
    return NULL;
}

static struct error *read_directory(const struct spec_key *key, const struct spec_source *source,
                                    const struct json *value, struct spec_content *content)
{
    (void)source;
    return read_absolute(key, value, "directory", &content->target);
}

static struct error *read_target(const struct spec_key *key, const struct spec_source *source,
                                 const struct json *value, struct spec_content *content)
{
    (void)source;
    TRY(read_absolute(key, value, "target", &content->target));
    content->is_into = value->text[strlen(value->text) - 1] == '/';
    return NULL;
}

static struct error *read_text(const struct spec_key *key, const struct spec_source *source,
                               const struct json *value, struct spec_content *content)
{
    (void)source;
    if (value->type != JSON_STRING)
        return spec_error(key->name, value, "'text' must be a string");
    content->text = xstrdup(value->text);
    return NULL;
}

static struct error *read_name(const struct spec_key *key, const struct spec_source *source,
                               const struct json *value, struct spec_content *content)
{
    const char *name = value->type == JSON_STRING ? value->text : "";

    (void)source;
    if (*name == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return spec_error(key->name, value, "'name' must be the name of a file");
    content->name = xstrdup(name);
    return NULL;
}

static struct error *read_url(const struct spec_key *key, const struct spec_source *source,
                              const struct json *value, struct spec_content *content)
{
    const char *url = value->type == JSON_STRING ? value->text : "";
    const char *host = strstr(url, "://");

    (void)source;
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return spec_error(key->name, value, "'url' must begin with \"https://\" or \"http://\"");
    if (host[3 + strcspn(host + 3, "/?#@")] == '@')
        return spec_error(key->name, value, "'url' must not contain a user or password");
    content->url = xstrdup(url);
    return NULL;
}

static struct error *read_checksum(const struct spec_key *key, const struct spec_source *source,
                                   const struct json *value, struct spec_content *content)
{
    (void)source;
    CLEANUP(error_freep)
    struct error *err =
        digest_parse(value->type == JSON_STRING ? value->text : "", &content->checksum);

    return err == NULL ? NULL
                       : spec_error(key->name, value,
                                    "'checksum' must be \"sha256:\" and 64 hexadecimal digits");
}

/* Reads VALUE, of the member NAME. */
static struct error *read_boolean(const struct spec_key *key, const struct json *value,
                                  const char *name, bool *ret)
{
    if (value->type != JSON_BOOLEAN)
        return spec_error(key->name, value, "'%s' must be true or false", name);
    *ret = value->boolean;
    return NULL;
}

static struct error *read_unpack(const struct spec_key *key, const struct spec_source *source,
                                 const struct json *value, struct spec_content *content)
{
    (void)source;
    return read_boolean(key, value, "unpack", &content->unpack);
}

static struct error *read_parents(const struct spec_key *key, const struct spec_source *source,
                                  const struct json *value, struct spec_content *content)
{
    (void)source;
    return read_boolean(key, value, "parents", &content->parents);
}

static struct error *read_optional(const struct spec_key *key, const struct spec_source *source,
                                   const struct json *value, struct spec_content *content)
{
    (void)source;
    return read_boolean(key, value, "optional", &content->optional);
}

static struct error *read_owner(const struct spec_key *key, const struct spec_source *source,
                                const struct json *value, struct spec_content *content)
{
    (void)source;
    return spec_content_read_owner(key, value, content);
}

static struct error *read_mode(const struct spec_key *key, const struct spec_source *source,
                               const struct json *value, struct spec_content *content)
{
    (void)source;
    return spec_content_read_mode(key, value, content);
}

/* Reads VALUE, of the member NAME, a list of patterns. */
static struct error *read_patterns(const struct spec_key *key, const struct json *value,
                                   const char *name, struct strings *patterns)
{
    if (value->type != JSON_ARRAY)
        return spec_error(key->name, value, "'%s' must be a list of patterns", name);
    for (size_t i = 0; i < value->count; i++) {
        const struct json *item = value->items[i];

        if (item->type != JSON_STRING || item->text[strspn(item->text, "/")] == '\0')
            return spec_error(key->name, item, "'%s' must be a list of patterns", name);
        strings_add(patterns, item->text);
    }
    return NULL;
}

static struct error *read_exclude(const struct spec_key *key, const struct spec_source *source,
                                  const struct json *value, struct spec_content *content)
{
    (void)source;
    return read_patterns(key, value, "exclude", &content->exclude);
}

static struct error *read_ignore(const struct spec_key *key, const struct spec_source *source,
                                 const struct json *value, struct spec_content *content)
{
    (void)source;
    return read_patterns(key, value, "ignore", &content->ignore);
}

static struct error *read_exclude_file(const struct spec_key *key, const struct spec_source *source,
                                       const struct json *value, struct spec_content *content)
{
    return spec_path_read(key, source, value, &content->exclude_file);
}

#define KIND(name) (1u << SPEC_CONTENT_##name)
#define COPIED (KIND(SOURCE) | KIND(IMAGE))
#define LAID (COPIED | KIND(TEXT) | KIND(URL))

static const struct member {
    const char *name;
    member_read read;
    const char *pattern; /* what a string, or each of a list, has to match, or NULL */
    unsigned int kinds;  /* the elements that may have it */
} members[] = {
    {"source", read_source, NULL, KIND(SOURCE)},
    {"image", read_image, NULL, KIND(IMAGE)},
    {"directory", read_directory, PATH_PATTERN, KIND(DIRECTORY)},
    {"text", read_text, NULL, KIND(TEXT)},
    {"url", read_url, "^https?://[^/?#@]+([/?#]|$)", KIND(URL)},
    {"path", read_path, PATH_PATTERN, COPIED},
    {"name", read_name, NAME_PATTERN, KIND(TEXT)},
    {"target", read_target, PATH_PATTERN, LAID},
    {"owner", read_owner, SPEC_CONTENT_OWNER_PATTERN, LAID | KIND(DIRECTORY)},
    {"mode", read_mode, SPEC_CONTENT_MODE_PATTERN, LAID | KIND(DIRECTORY)},
    {"exclude", read_exclude, "[^/]", COPIED},
    {"ignore", read_ignore, "[^/]", COPIED},
    {"excludeFile", read_exclude_file, NULL, KIND(SOURCE)},
    {"checksum", read_checksum, "^sha256:[0-9a-f]{64}$", KIND(URL)},
    {"unpack", read_unpack, NULL, KIND(SOURCE) | KIND(URL)},
    {"parents", read_parents, NULL, COPIED},
    {"optional", read_optional, NULL, COPIED},
};

#define MEMBER_COUNT (sizeof members / sizeof *members)

/* The members that make an element what it is: the first ones, by enum spec_content_kind. */
#define KIND_COUNT (SPEC_CONTENT_URL + 1)

/* Whether OBJECT has the member NAME; null means that it does not. */
static bool is_given(const struct json *object, const char *name)
{
    const struct json *member = json_get(object, name);

    return member != NULL && member->type != JSON_NULL;
}

static struct error *read_member(const struct spec_key *key, const struct spec_source *source,
                                 const char *name, const struct json *value,
                                 struct spec_content *content)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (strcmp(members[i].name, name) != 0)
            continue;
        if (value->type == JSON_NULL)
            return NULL;
        return (members[i].kinds & 1u << content->kind) != 0
                   ? members[i].read(key, source, value, content)
                   : spec_error(key->name, value, "'%s' is not for an element with '%s'", name,
                                members[content->kind].name);
    }
    const char *nearest = nearest_word(name, &members->name, sizeof *members, MEMBER_COUNT);
    struct error *err = spec_error(key->name, value, "unknown member '%.100s'", name);

    return nearest != NULL ? error_advise(err, "did you mean '%s'?", nearest) : err;
}

/* Finds what kind of element VALUE is. */
static struct error *find_kind(const struct spec_key *key, const struct json *value,
                               enum spec_content_kind *ret)
{
    const char *found = NULL;

    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (!is_given(value, members[i].name))
            continue;
        if (found != NULL)
            return spec_error(key->name, value, "'%s' and '%s' exclude each other", found,
                              members[i].name);
        found = members[i].name;
        *ret = (enum spec_content_kind)i;
    }
    return NULL;
}

/* Sets what holds for an element unless VALUE says otherwise. */
static void set_defaults(const struct json *value, struct spec_content *content)
{
    bool adds_write = content->kind == SPEC_CONTENT_SOURCE && !is_given(value, "path");

    content->target = xstrdup("/");
    content->keep_owner = content->kind == SPEC_CONTENT_IMAGE;
    content->mode_rule = adds_write ? SPEC_MODE_ADD_WRITE : SPEC_MODE_KEEP;
    content->is_into = true;
}

/* Refuses CONTENT, which VALUE was read into, if something is missing. */
static struct error *check(const struct spec_key *key, const struct json *value,
                           const struct spec_content *content)
{
    if (content->kind == SPEC_CONTENT_SOURCE && content->source == NULL)
        return spec_error(key->name, value, "'source' is missing");
    if (content->path == NULL && (content->kind == SPEC_CONTENT_IMAGE || content->parents))
        return spec_error(key->name, value, "'path' is missing");
    if (content->kind == SPEC_CONTENT_SOURCE && content->path == NULL && content->unpack)
        return spec_error(key->name, value, "'unpack' is for an element with 'path'");
    if (content->kind == SPEC_CONTENT_TEXT && content->name == NULL && content->is_into)
        return spec_error(key->name, value, "'name' is missing, and 'target' is a directory");
    return NULL;
}

struct error *spec_content_read_path(const struct spec_key *key, const struct spec_source *source,
                                     const struct json *value, struct spec_content *content)
{
    content->is_alone = content->is_into = true;
    content->target = xstrdup("/");
    return read_source(key, source, value, content);
}

struct error *spec_content_read(const struct spec_key *key, const struct spec_source *source,
                                const struct json *value, struct spec_content *content)
{
    TRY(find_kind(key, value, &content->kind));
    set_defaults(value, content);
    for (size_t i = 0; i < value->count; i++)
        TRY(read_member(key, source, value->keys[i], value->items[i], content));
    return check(key, value, content);
}

static struct json *describe_target(const struct spec_content *content)
{
    bool counts = content->path != NULL || content->kind != SPEC_CONTENT_SOURCE;
    bool has_slash = counts && content->is_into && content->target[1] != '\0';
    CLEANUP(freep) char *target = xasprintf("%s%s", content->target, has_slash ? "/" : "");

    return json_string(target);
}

static struct json *describe_patterns(const struct strings *patterns)
{
    struct json *array = json_array();

    for (size_t i = 0; i < patterns->count; i++)
        json_append(array, json_string(patterns->items[i]));
    return array;
}

/* Sets NAME of OBJECT to TEXT unless that is NULL. */
static void set_text(struct json *object, const char *name, const char *text)
{
    if (text != NULL)
        json_set(object, name, json_string(text));
}

static void set_flags(struct json *object, const struct spec_content *content)
{
    CLEANUP(freep) char *checksum = xasprintf(DIGEST_PREFIX "%s", content->checksum.hex);

    if (content->checksum.hex[0] != '\0')
        set_text(object, "checksum", checksum);
    if (content->unpack)
        json_set(object, "unpack", json_boolean(true));
    if (content->parents)
        json_set(object, "parents", json_boolean(true));
    if (content->optional)
        json_set(object, "optional", json_boolean(true));
}

static struct json *describe_path(const struct spec_content *content)
{
    CLEANUP(freep)
    char *path = xasprintf("%.*s%s%s", (int)content->pivot, content->path,
                           content->pivot > 0 ? "/." : "", content->path + content->pivot);

    return json_string(path);
}

struct json *spec_content_describe(const struct spec_content *content)
{
    if (content->is_alone)
        return json_string(content->source);
    struct json *object = json_object();
    bool is_copied = (COPIED & 1u << content->kind) != 0;

    if (content->image.name != NULL)
        json_set(object, "image", spec_image_describe(&content->image));
    set_text(object, "source", content->source);
    if (content->path != NULL)
        json_set(object, "path", describe_path(content));
    set_text(object, "url", content->url);
    set_text(object, "text", content->text);
    set_text(object, "name", content->name);
    if (content->kind == SPEC_CONTENT_DIRECTORY)
        set_text(object, "directory", content->target);
    else
        json_set(object, "target", describe_target(content));
    json_set(object, "owner", spec_content_describe_owner(content));
    json_set(object, "mode", spec_content_describe_mode(content));
    if (is_copied)
        json_set(object, "exclude", describe_patterns(&content->exclude));
    if (content->ignore.count > 0)
        json_set(object, "ignore", describe_patterns(&content->ignore));
    set_text(object, "excludeFile", content->exclude_file);
    set_flags(object, content);
    return object;
}

static struct json *member_schema(const struct member *member)
{
    bool is_list = member->read == read_exclude || member->read == read_ignore;
    bool is_flag = member->read == read_unpack || member->read == read_parents ||
                   member->read == read_optional;

    if (member->read == read_image)
        return spec_image_schema();
    if (is_flag)
        return json_schema_type("boolean");
    struct json *schema = json_schema_type("string");

    if (member->pattern != NULL)
        json_set(schema, "pattern", json_string(member->pattern));
    return is_list ? json_schema_list(schema) : schema;
}

/* Whether an element of KIND cannot do without MEMBER. */
static bool is_required(const struct member *member, enum spec_content_kind kind)
{
    return member == &members[kind] || (kind == SPEC_CONTENT_IMAGE && member->read == read_path);
}

static struct json *kind_schema(enum spec_content_kind kind)
{
    struct json *schema = json_schema_type("object");
    struct json *properties = json_object();
    struct json *required = json_array();

    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        bool is_other = (members[i].kinds & 1u << kind) == 0;
        struct json *value = is_other ? json_schema_type("null") : member_schema(&members[i]);

        if (is_required(&members[i], kind))
            json_append(required, json_string(members[i].name));
        else if (!is_other)
            value = json_schema_either(value, json_schema_type("null"));
        json_set(properties, members[i].name, value);
    }
    json_set(schema, "properties", properties);
    json_set(schema, "required", required);
    json_set(schema, "additionalProperties", json_boolean(false));
    return schema;
}

struct json *spec_content_schema(void)
{
    struct json *schema = kind_schema(SPEC_CONTENT_SOURCE);

    for (size_t i = SPEC_CONTENT_SOURCE + 1; i < KIND_COUNT; i++)
        schema = json_schema_either(schema, kind_schema((enum spec_content_kind)i));
    return schema;
}

void spec_content_free(struct spec_content *content)
{
    free(content->source);
    free(content->written);
    free(content->image.name);
    free(content->path);
    free(content->text);
    free(content->name);
    free(content->url);
    free(content->target);
    free(content->user);
    free(content->group);
    free(content->mode_change);
    free(content->exclude_file);
    strings_free(&content->exclude);
    strings_free(&content->ignore);
    *content = (struct spec_content){0};
}
