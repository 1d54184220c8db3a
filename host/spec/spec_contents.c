#include "host/spec/spec_contents.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"
#include "host/spec/json_schema.h"
#include "host/spec/spec.h"
#include "host/spec/spec_error.h"
#include "host/spec/spec_image.h"
#include "host/spec/spec_path.h"

#define ID_MAX UINT32_C(4294967294) /* 2^32-1 means "no change" to chown */
#define MODE_MAX 07777
#define MODE_DIGITS_MAX 5
#define PATH_PATTERN "^/(?!(.*/)?\\.\\.(/|$))"

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

/* Reads the path in an image. */
static struct error *read_path(const struct spec_key *key, const struct spec_source *source,
                               const struct json *value, struct spec_content *content)
{
    (void)source;
    if (value->type != JSON_STRING)
        return spec_error(key->name, value, "'path' must be an absolute path");
    return spec_path_read_target(key, value, &content->source);
}

static struct error *read_target(const struct spec_key *key, const struct spec_source *source,
                                 const struct json *value, struct spec_content *content)
{
    char *target = NULL;

    (void)source;
    if (value->type != JSON_STRING)
        return spec_error(key->name, value, "'target' must be an absolute path");
    TRY(spec_path_read_target(key, value, &target));
    free(content->target);
    content->target = target;
    content->is_into = value->text[strlen(value->text) - 1] == '/';
    return NULL;
}

/* Reads the number of a user or group at *TEXT, and moves that behind it. Returns whether there is
 * one. */
static bool read_id(const char **text, uint32_t *ret)
{
    size_t digits = strspn(*text, "0123456789");
    unsigned long long id = strtoull(*text, NULL, 10); /* beyond the range: its largest value */

    if (digits == 0 || id > ID_MAX)
        return false;
    *text += digits;
    *ret = (uint32_t)id;
    return true;
}

/* As in Docker's --chown, a user without a group stands for the group of the same number. */
static bool parse_owner(const char *text, struct spec_content *content)
{
    if (!read_id(&text, &content->uid))
        return false;
    content->gid = content->uid;
    if (*text == ':') {
        text++;
        if (!read_id(&text, &content->gid))
            return false;
    }
    return *text == '\0';
}

static struct error *read_owner(const struct spec_key *key, const struct spec_source *source,
                                const struct json *value, struct spec_content *content)
{
    (void)source;
    content->keep_owner = value->type == JSON_STRING && strcmp(value->text, "keep") == 0;
    if (!content->keep_owner && (value->type != JSON_STRING || !parse_owner(value->text, content)))
        return spec_error(key->name, value,
                          "'owner' must be \"keep\" or numbers such as \"1000:1000\"");
    return NULL;
}

static bool parse_mode(const char *text, uint32_t *ret)
{
    size_t length = strlen(text);
    unsigned long mode = strtoul(text, NULL, 8);

    *ret = (uint32_t)mode;
    return length > 0 && length <= MODE_DIGITS_MAX && strspn(text, "01234567") == length &&
           mode <= MODE_MAX;
}

static struct error *read_mode(const struct spec_key *key, const struct spec_source *source,
                               const struct json *value, struct spec_content *content)
{
    const char *text = value->type == JSON_STRING ? value->text : "";

    (void)source;
    if (strcmp(text, "+w") == 0)
        content->mode_rule = SPEC_MODE_ADD_WRITE;
    else if (strcmp(text, "keep") == 0)
        content->mode_rule = SPEC_MODE_KEEP;
    else if (parse_mode(text, &content->mode))
        content->mode_rule = SPEC_MODE_SET;
    else
        return spec_error(key->name, value,
                          "'mode' must be \"+w\", \"keep\" or an octal number such as \"0755\"");
    return NULL;
}

static struct error *read_exclude(const struct spec_key *key, const struct spec_source *source,
                                  const struct json *value, struct spec_content *content)
{
    (void)source;
    if (value->type != JSON_ARRAY)
        return spec_error(key->name, value, "'exclude' must be a list of patterns");
    for (size_t i = 0; i < value->count; i++) {
        const struct json *item = value->items[i];

        if (item->type != JSON_STRING || item->text[strspn(item->text, "/")] == '\0')
            return spec_error(key->name, item, "'exclude' must be a list of patterns");
        strings_add(&content->exclude, item->text);
    }
    return NULL;
}

static const struct {
    const char *name;
    member_read read;
    const char *pattern; /* what a string, or each of a list, has to match, or NULL */
} members[] = {
    {"source", read_source, NULL},
    {"image", read_image, NULL},
    {"path", read_path, PATH_PATTERN},
    {"target", read_target, PATH_PATTERN},
    {"owner", read_owner, "^(keep|[0-9]+(:[0-9]+)?)$"},
    {"mode", read_mode, "^(\\+w|keep|0?[0-7]{1,4})$"},
    {"exclude", read_exclude, "[^/]"},
};

#define MEMBER_COUNT (sizeof members / sizeof *members)

static struct error *read_member(const struct spec_key *key, const struct spec_source *source,
                                 const char *name, const struct json *value,
                                 struct spec_content *content)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if (strcmp(members[i].name, name) == 0)
            return value->type != JSON_NULL ? members[i].read(key, source, value, content) : NULL;
    const char *nearest = nearest_word(name, &members->name, sizeof *members, MEMBER_COUNT);
    struct error *err = spec_error(key->name, value, "unknown member '%.100s'", name);

    return nearest != NULL ? error_advise(err, "did you mean '%s'?", nearest) : err;
}

/* Whether OBJECT has the member NAME; null means that it does not. */
static bool is_given(const struct json *object, const char *name)
{
    const struct json *member = json_get(object, name);

    return member != NULL && member->type != JSON_NULL;
}

/* Reads an element into CONTENT, which is zeroed; it is freed with the list. */
static struct error *read_content(const struct spec_key *key, const struct spec_source *source,
                                  const struct json *value, struct spec_content *content)
{
    content->is_path = value->type == JSON_STRING;
    content->target = xstrdup("/");
    if (content->is_path)
        return read_source(key, source, value, content);
    if (value->type != JSON_OBJECT)
        return spec_error_type(key->name, value, "a path or an object");
    bool is_image = is_given(value, "image");

    content->keep_owner = is_image;
    content->mode_rule = is_image ? SPEC_MODE_KEEP : SPEC_MODE_ADD_WRITE;
    content->is_into = true;
    if (is_image && is_given(value, "source"))
        return spec_error(key->name, value, "'source' and 'image' exclude each other");
    if (!is_image && is_given(value, "path"))
        return spec_error(key->name, value, "'path' is in an image, and 'image' is missing");
    for (size_t i = 0; i < value->count; i++)
        TRY(read_member(key, source, value->keys[i], value->items[i], content));
    if (content->source == NULL)
        return spec_error(key->name, value, "'%s' is missing", is_image ? "path" : "source");
    return NULL;
}

static struct error *read_contents(const struct spec_key *key, const struct spec_source *source,
                                   struct json *value, void *member)
{
    struct spec_contents *contents = member;
    bool is_one = value->type == JSON_STRING;
    size_t count = is_one ? 1 : value->count;

    if (!is_one && value->type != JSON_ARRAY)
        return spec_error_type(key->name, value, "a path or a list of them");
    if (is_one && *value->text == '\0')
        return NULL;
    contents->items = xcalloc(count, sizeof *contents->items);
    for (size_t i = 0; i < count; i++)
        TRY(read_content(key, source, is_one ? value : value->items[i],
                         &contents->items[contents->count++]));
    return NULL;
}

static void free_contents(void *member)
{
    struct spec_contents *contents = member;

    for (size_t i = 0; i < contents->count; i++) {
        free(contents->items[i].source);
        free(contents->items[i].written);
        free(contents->items[i].image.name);
        free(contents->items[i].target);
        strings_free(&contents->items[i].exclude);
    }
    free(contents->items);
    *contents = (struct spec_contents){0};
}

static struct json *describe_mode(const struct spec_content *content)
{
    CLEANUP(freep) char *number = xasprintf("%04" PRIo32, content->mode);

    if (content->mode_rule == SPEC_MODE_SET)
        return json_string(number);
    return json_string(content->mode_rule == SPEC_MODE_KEEP ? "keep" : "+w");
}

static struct json *describe_target(const struct spec_content *content)
{
    bool has_slash = content->image.name != NULL && content->is_into && content->target[1] != '\0';
    CLEANUP(freep) char *target = xasprintf("%s%s", content->target, has_slash ? "/" : "");

    return json_string(target);
}

static struct json *describe_content(const struct spec_content *content)
{
    CLEANUP(freep) char *owner = xasprintf("%" PRIu32 ":%" PRIu32, content->uid, content->gid);

    if (content->is_path)
        return json_string(content->source);
    struct json *object = json_object();
    struct json *exclude = json_array();

    for (size_t i = 0; i < content->exclude.count; i++)
        json_append(exclude, json_string(content->exclude.items[i]));
    if (content->image.name != NULL)
        json_set(object, "image", spec_image_describe(&content->image));
    json_set(object, content->image.name != NULL ? "path" : "source", json_string(content->source));
    json_set(object, "target", describe_target(content));
    json_set(object, "owner", json_string(content->keep_owner ? "keep" : owner));
    json_set(object, "mode", describe_mode(content));
    json_set(object, "exclude", exclude);
    return object;
}

static struct json *describe_contents(const void *member)
{
    const struct spec_contents *contents = member;
    struct json *array = json_array();

    for (size_t i = 0; i < contents->count; i++)
        json_append(array, describe_content(&contents->items[i]));
    return array;
}

/* Whether a member is of elements of an image alone, or of the host alone. */
static bool is_of_image(member_read read)
{
    return read == read_image || read == read_path;
}

static struct json *member_schema(size_t member)
{
    if (members[member].read == read_image)
        return spec_image_schema();
    struct json *schema = json_schema_type("string");

    if (members[member].pattern != NULL)
        json_set(schema, "pattern", json_string(members[member].pattern));
    if (members[member].read == read_exclude)
        schema = json_schema_list(schema);
    if (members[member].read == read_source || members[member].read == read_path)
        return schema;
    return json_schema_either(schema, json_schema_type("null"));
}

/* The schema of an element of the host, or of an image. */
static struct json *content_schema(bool is_image)
{
    struct json *schema = json_schema_type("object");
    struct json *properties = json_object();
    struct json *required = json_array();

    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        bool is_main = members[i].read == read_source || is_of_image(members[i].read);
        bool is_other = is_main && is_of_image(members[i].read) != is_image;

        json_set(properties, members[i].name,
                 is_other ? json_schema_type("null") : member_schema(i));
        if (is_main && !is_other)
            json_append(required, json_string(members[i].name));
    }
    json_set(schema, "properties", properties);
    json_set(schema, "required", required);
    json_set(schema, "additionalProperties", json_boolean(false));
    return schema;
}

static struct json *contents_schema(const struct spec_key *key)
{
    struct json *element = json_schema_either(content_schema(false), content_schema(true));

    (void)key;
    return json_schema_either(
        json_schema_type("string"),
        json_schema_list(json_schema_either(json_schema_type("string"), element)));
}

const struct spec_kind spec_contents_list = {
    .type = "string or list",
    .json_start = "[",
    .read = read_contents,
    .free = free_contents,
    .describe = describe_contents,
    .schema = contents_schema,
};
