#include <stdlib.h>
#include <string.h>

#include "host/image/architecture.h"
#include "host/spec/spec.h"
#include "host/spec/spec_key.h"

/* {"type": NAME} */
static struct json *type(const char *name)
{
    struct json *schema = json_object();

    json_set(schema, "type", json_string(name));
    return schema;
}

static struct json *list_of(struct json *items)
{
    struct json *schema = type("array");

    json_set(schema, "items", items);
    return schema;
}

static struct json *map_of(struct json *values)
{
    struct json *schema = type("object");

    json_set(schema, "additionalProperties", values);
    return schema;
}

/* An object with exactly the string members NAMES, which end with NULL. */
static struct json *record(const char *const *names)
{
    struct json *schema = type("object");
    struct json *properties = json_object();
    struct json *required = json_array();

    for (; *names != NULL; names++) {
        json_set(properties, *names, type("string"));
        json_append(required, json_string(*names));
    }
    json_set(schema, "properties", properties);
    json_set(schema, "required", required);
    json_set(schema, "additionalProperties", json_boolean(false));
    return schema;
}

static struct json *either(struct json *one, struct json *other)
{
    struct json *schema = json_object();
    struct json *choices = json_array();

    json_append(choices, one);
    json_append(choices, other);
    json_set(schema, "anyOf", choices);
    return schema;
}

static struct json *number(const struct spec_key *key)
{
    struct json *schema = type("integer");

    json_set(schema, "minimum", json_integer((int64_t)key->least));
    json_set(schema, "maximum", json_integer((int64_t)key->most));
    json_set(schema, "default", json_integer((int64_t)key->initial));
    return schema;
}

/* One of Go's names of architectures. */
static struct json *architecture(void)
{
    struct json *schema = type("string");
    struct json *names = json_array();

    for (size_t i = 0; i < architecture_count; i++)
        json_append(names, json_string(architecture_names[i]));
    json_set(schema, "enum", names);
    return schema;
}

static struct json *key_schema(const struct spec_key *key)
{
    static const char *const file[] = {"file", NULL};
    static const char *const share[] = {"source", "target", NULL};

    switch (key->kind) {
    case SPEC_NAME:
    case SPEC_TAG:
    case SPEC_STRING:
    case SPEC_REFERENCE:
    case SPEC_CREATED:
        return type("string");
    case SPEC_ARCHITECTURE:
        return architecture();
    case SPEC_PATHS:
        return either(type("string"), list_of(type("string")));
    case SPEC_CLOSURE:
        return either(list_of(type("string")), record(file));
    case SPEC_CONFIG:
        return type("object");
    case SPEC_SCRIPT:
        return either(type("string"), record(file));
    case SPEC_BOOLEAN:
        return type("boolean");
    case SPEC_NUMBER:
        return number(key);
    case SPEC_SHARES:
        return list_of(record(share));
    case SPEC_ENV:
        return map_of(type("string"));
    }
    return NULL;
}

struct json *spec_schema(void)
{
    struct json *schema = type("object");
    struct json *properties = json_object();
    struct json *required = json_array();

    json_set(schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    json_set(schema, "title", json_string("vmbuild spec"));
    for (size_t i = 0; i < spec_key_count; i++) {
        const struct spec_key *key = &spec_keys[i];
        struct json *value = key_schema(key);
        bool is_required = key->kind == SPEC_NAME;

        /* null means "not given", which is how Nix writes an argument that was left out. */
        if (!is_required)
            value = either(value, type("null"));
        json_set(value, "description", json_string(key->text));
        json_set(properties, key->name, value);
        if (is_required)
            json_append(required, json_string(key->name));
    }
    json_set(schema, "properties", properties);
    json_set(schema, "required", required);
    json_set(schema, "additionalProperties", json_boolean(false));
    return schema;
}
