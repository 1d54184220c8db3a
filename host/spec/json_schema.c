#include "host/spec/json_schema.h"

#include <stddef.h>

struct json *json_schema_type(const char *name)
{
    struct json *schema = json_object();

    json_set(schema, "type", json_string(name));
    return schema;
}

struct json *json_schema_list(struct json *items)
{
    struct json *schema = json_schema_type("array");

    json_set(schema, "items", items);
    return schema;
}

struct json *json_schema_map(struct json *values)
{
    struct json *schema = json_schema_type("object");

    json_set(schema, "additionalProperties", values);
    return schema;
}

struct json *json_schema_record(const char *const *names)
{
    struct json *schema = json_schema_type("object");
    struct json *properties = json_object();
    struct json *required = json_array();

    for (; *names != NULL; names++) {
        json_set(properties, *names, json_schema_type("string"));
        json_append(required, json_string(*names));
    }
    json_set(schema, "properties", properties);
    json_set(schema, "required", required);
    json_set(schema, "additionalProperties", json_boolean(false));
    return schema;
}

struct json *json_schema_either(struct json *one, struct json *other)
{
    struct json *schema = json_object();
    struct json *choices = json_array();

    json_append(choices, one);
    json_append(choices, other);
    json_set(schema, "anyOf", choices);
    return schema;
}
