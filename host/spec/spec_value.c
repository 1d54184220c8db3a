#include "host/spec/spec_value.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/image/architecture.h"
#include "host/image/platform.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/rfc3339.h"
#include "host/spec/json_schema.h"
#include "host/spec/spec.h"
#include "host/spec/spec_config.h"
#include "host/spec/spec_error.h"
#include "host/spec/spec_key.h"

#define ANNOTATIONS_MAX (256u << 10)   /* bytes: registries take manifests of 4 MiB */
#define TIME_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z: RFC 3339 has no later time */

/* Strings. */

static struct error *check_string(const struct spec_key *key, const struct json *value)
{
    if (value->type != JSON_STRING)
        return spec_error_type(key->name, value, "a string");
    if (*value->text == '\0')
        return spec_error(key->name, value, "must not be empty");
    return NULL;
}

static struct error *read_string(const struct spec_key *key, const struct spec_source *source,
                                 struct json *value, void *member)
{
    (void)source;
    TRY(check_string(key, value));
    *(char **)member = xstrdup(value->text);
    return NULL;
}

/* Reads a string that has a form of its own, which CHECK knows. */
static struct error *read_checked(const struct spec_key *key, struct json *value, void *member,
                                  struct error *(*check)(const char *text))
{
    TRY(check_string(key, value));
    CLEANUP(error_freep) struct error *err = check(value->text);

    if (err != NULL)
        return error_advise(spec_error_because(key->name, value, err), "choose another name");
    *(char **)member = xstrdup(value->text);
    return NULL;
}

static struct error *read_name(const struct spec_key *key, const struct spec_source *source,
                               struct json *value, void *member)
{
    (void)source;
    return read_checked(key, value, member, reference_check_name);
}

static struct error *read_tag(const struct spec_key *key, const struct spec_source *source,
                              struct json *value, void *member)
{
    (void)source;
    return read_checked(key, value, member, reference_check_tag);
}

void spec_value_free_string(void *member)
{
    free(*(char **)member);
    *(char **)member = NULL;
}

struct json *spec_value_describe_string(const void *member)
{
    const char *text = *(char *const *)member;

    return text != NULL ? json_string(text) : json_null();
}

struct json *spec_value_string_schema(const struct spec_key *key)
{
    (void)key;
    return json_schema_type("string");
}

static void string_values(const void *member, struct strings *out)
{
    const char *text = *(char *const *)member;

    if (text != NULL)
        strings_add(out, text);
}

const struct spec_kind spec_value_name = {
    .type = "string",
    .read = read_name,
    .free = spec_value_free_string,
    .describe = spec_value_describe_string,
    .schema = spec_value_string_schema,
    .word_kind = GUEST_TEXT,
    .word_values = string_values,
};

const struct spec_kind spec_value_tag = {
    .type = "string",
    .read = read_tag,
    .free = spec_value_free_string,
    .describe = spec_value_describe_string,
    .schema = spec_value_string_schema,
    .word_kind = GUEST_TEXT,
    .word_values = string_values,
};

const struct spec_kind spec_value_string = {
    .type = "string",
    .read = read_string,
    .free = spec_value_free_string,
    .describe = spec_value_describe_string,
    .schema = spec_value_string_schema,
    .word_kind = GUEST_TEXT,
    .word_values = string_values,
};

/* An architecture, as Go names it. */

static struct error *read_architecture(const struct spec_key *key, const struct spec_source *source,
                                       struct json *value, void *member)
{
    struct spec_architecture *architecture = member;
    CLEANUP(freep) char *text = NULL;
    struct platform platform = {0};

    TRY(read_string(key, source, value, &text));
    struct error *err = platform_parse(text, &platform);
    bool is_known = err == NULL && architecture_is_known(platform.architecture);

    error_free(err);
    if (!is_known)
        return error_advise(spec_error(key->name, value, "unknown architecture '%.40s'", text),
                            "use Go's name for it, such as amd64, arm64 or arm/v7");
    architecture->name = platform_format(&platform);
    architecture->is_given = true;
    return NULL;
}

static struct error *fill_architecture(const struct spec_source *source, void *member)
{
    struct spec_architecture *architecture = member;

    (void)source;
    architecture->name = xstrdup(architecture_of_host());
    architecture->is_given = false;
    return NULL;
}

/* The names are examples: "linux/" before them, variants behind them and the kernel's names are
 * understood as well. */
static struct json *architecture_schema(const struct spec_key *key)
{
    struct json *schema = spec_value_string_schema(key);
    struct json *names = json_array();

    for (size_t i = 0; i < architecture_count; i++)
        json_append(names, json_string(architecture_names[i]));
    json_set(schema, "examples", names);
    return schema;
}

const struct spec_kind spec_value_architecture = {
    .type = "GOARCH name",
    .read = read_architecture,
    .free = spec_value_free_string,
    .fill = fill_architecture,
    .describe = spec_value_describe_string,
    .schema = architecture_schema,
    .word_kind = GUEST_TEXT,
    .word_values = string_values,
};

/* true or false */

static struct error *read_boolean(const struct spec_key *key, const struct spec_source *source,
                                  struct json *value, void *member)
{
    (void)source;
    if (value->type != JSON_BOOLEAN)
        return spec_error_type(key->name, value, "true or false");
    *(bool *)member = value->boolean;
    return NULL;
}

static char *judge_boolean(const struct spec_key *key, const struct json *value)
{
    (void)key;
    if (value != NULL && value->type == JSON_BOOLEAN)
        return NULL;
    return xstrdup("must be true or false");
}

static struct json *describe_boolean(const void *member)
{
    return json_boolean(*(const bool *)member);
}

static struct json *boolean_schema(const struct spec_key *key)
{
    (void)key;
    return json_schema_type("boolean");
}

static void boolean_values(const void *member, struct strings *out)
{
    if (*(const bool *)member)
        strings_add(out, "1");
}

const struct spec_kind spec_value_boolean = {
    .type = "boolean",
    .json_start = "",
    .read = read_boolean,
    .judge = judge_boolean,
    .describe = describe_boolean,
    .schema = boolean_schema,
    .word_kind = GUEST_FLAG,
    .word_values = boolean_values,
};

/* A whole number within the limits of its key. */

static char *judge_number(const struct spec_key *key, const struct json *value)
{
    uint64_t number = 0;

    if (value != NULL && json_to_unsigned(value, key->most, &number) && number >= key->least)
        return NULL;
    return xasprintf("must be a whole number between %ju and %ju", (uintmax_t)key->least,
                     (uintmax_t)key->most);
}

static struct error *read_number(const struct spec_key *key, const struct spec_source *source,
                                 struct json *value, void *member)
{
    (void)source;
    if (value->type != JSON_NUMBER)
        return spec_error_type(key->name, value, "a number");
    CLEANUP(freep) char *requirement = judge_number(key, value);

    if (requirement != NULL)
        return spec_error(key->name, value, "%.40s %s", value->text, requirement);
    json_to_unsigned(value, key->most, member);
    return NULL;
}

static struct json *describe_number(const void *member)
{
    return json_integer((int64_t) * (const uint64_t *)member);
}

static struct json *number_schema(const struct spec_key *key)
{
    struct json *schema = json_schema_type("integer");

    json_set(schema, "minimum", json_integer((int64_t)key->least));
    json_set(schema, "maximum", json_integer((int64_t)key->most));
    if (key->initial != NULL)
        json_set(schema, "default", json_integer(strtoll(key->initial, NULL, 10)));
    return schema;
}

static void number_values(const void *member, struct strings *out)
{
    strings_take(out, xasprintf("%" PRIu64, *(const uint64_t *)member));
}

const struct spec_kind spec_value_number = {
    .type = "number",
    .json_start = "",
    .read = read_number,
    .judge = judge_number,
    .describe = describe_number,
    .schema = number_schema,
    .word_kind = GUEST_NUMBER,
    .word_values = number_values,
};

/* A time. */

static struct error *read_time(const struct spec_key *key, const struct spec_source *source,
                               struct json *value, void *member)
{
    if (value->type != JSON_STRING)
        return spec_error_type(key->name, value, "a time");
    if (strcmp(value->text, "now") == 0)
        *(int64_t *)member = source->now;
    else if (!rfc3339_parse(value->text, member))
        return spec_error(key->name, value,
                          "'%.100s' must be 'now' or an RFC 3339 time such as 2024-02-29T12:00:00Z",
                          value->text);
    return NULL;
}

/* SOURCE_DATE_EPOCH, as reproducible-builds.org specifies it. */
static struct error *fill_time(const struct spec_source *source, void *member)
{
    const char *text = source->source_date_epoch;

    *(int64_t *)member = SPEC_CREATED_DEFAULT;
    if (text == NULL)
        return NULL;
    size_t digits = strspn(text, "0123456789");
    int64_t seconds = digits <= 12 ? strtoll(text, NULL, 10) : INT64_MAX;

    if (digits == 0 || text[digits] != '\0' || seconds > TIME_MAX)
        return error_new(EXIT_INPUT,
                         "SOURCE_DATE_EPOCH '%.40s' must be a whole number of seconds between 0 "
                         "and %jd",
                         text, (intmax_t)TIME_MAX);
    *(int64_t *)member = seconds;
    return NULL;
}

static struct json *describe_time(const void *member)
{
    CLEANUP(freep) char *text = rfc3339_format(*(const int64_t *)member);

    return json_string(text);
}

static void time_values(const void *member, struct strings *out)
{
    strings_take(out, xasprintf("%" PRId64, *(const int64_t *)member));
}

const struct spec_kind spec_value_time = {
    .type = "RFC 3339 time, or \"now\"",
    .read = read_time,
    .fill = fill_time,
    .describe = describe_time,
    .schema = spec_value_string_schema,
    .word_kind = GUEST_NUMBER,
    .word_values = time_values,
};

/* Objects. */

static struct error *read_config(const struct spec_key *key, const struct spec_source *source,
                                 struct json *value, void *member)
{
    (void)source;
    if (value->type != JSON_OBJECT)
        return spec_error_type(key->name, value, "an object");
    TRY(spec_config_check(value));
    *(struct json **)member = json_copy(value);
    return NULL;
}

static struct error *read_env(const struct spec_key *key, const struct spec_source *source,
                              struct json *value, void *member)
{
    (void)source;
    if (value->type != JSON_OBJECT)
        return spec_error_type(key->name, value, "an object of strings");
    for (size_t i = 0; i < value->count; i++) {
        const char *name = value->keys[i];
        const struct json *item = value->items[i];

        if (item->type != JSON_STRING)
            return spec_error(key->name, item, "'%s': expected a string, found %s", name,
                              json_type_name(item->type));
        if (*name == '\0' || strchr(name, '=') != NULL)
            return spec_error(key->name, item, "'%s' is not a valid name of a variable", name);
    }
    *(struct json **)member = json_copy(value);
    return NULL;
}

static struct error *read_annotations(const struct spec_key *key, const struct spec_source *source,
                                      struct json *value, void *member)
{
    (void)source;
    size_t size = 0;

    if (value->type != JSON_OBJECT)
        return spec_error_type(key->name, value, "an object of strings");
    for (size_t i = 0; i < value->count; i++) {
        const struct json *item = value->items[i];

        if (item->type != JSON_STRING && item->type != JSON_NULL)
            return spec_error(key->name, item, "'%s': expected a string, found %s", value->keys[i],
                              json_type_name(item->type));
        if (*value->keys[i] == '\0')
            return spec_error(key->name, item, "the name of an annotation must not be empty");
        size += strlen(value->keys[i]) + (item->text != NULL ? strlen(item->text) : 0);
    }
    if (size > ANNOTATIONS_MAX)
        return spec_error(key->name, value, "they must have at most %u KiB together",
                          ANNOTATIONS_MAX >> 10);
    *(struct json **)member = json_copy(value);
    return NULL;
}

static void free_object(void *member)
{
    json_free(*(struct json **)member);
    *(struct json **)member = NULL;
}

static struct json *describe_object(const void *member)
{
    const struct json *object = *(struct json *const *)member;

    return object != NULL ? json_copy(object) : json_object();
}

static struct json *config_schema(const struct spec_key *key)
{
    (void)key;
    return json_schema_type("object");
}

static struct json *env_schema(const struct spec_key *key)
{
    (void)key;
    return json_schema_map(json_schema_type("string"));
}

static struct json *annotations_schema(const struct spec_key *key)
{
    (void)key;
    return json_schema_map(
        json_schema_either(json_schema_type("string"), json_schema_type("null")));
}

const struct spec_kind spec_value_annotations = {
    .type = "object",
    .json_start = "",
    .read = read_annotations,
    .free = free_object,
    .describe = describe_object,
    .schema = annotations_schema,
};

const struct spec_kind spec_value_config = {
    .type = "object",
    .json_start = "",
    .read = read_config,
    .free = free_object,
    .describe = describe_object,
    .schema = config_schema,
};

const struct spec_kind spec_value_env = {
    .type = "object",
    .json_start = "",
    .read = read_env,
    .free = free_object,
    .describe = describe_object,
    .schema = env_schema,
};
