#include "host/spec/spec_schema.h"

#include "host/spec/json_schema.h"
#include "host/spec/spec_key.h"

/* null means "not given", which is how Nix writes an argument that was left out. */
static struct json *key_schema(const struct spec_key *key)
{
    struct json *schema = key->kind->schema(key);

    if (!key->required)
        schema = json_schema_either(schema, json_schema_type("null"));
    json_set(schema, "description", json_string(key->summary));
    return schema;
}

struct json *spec_schema(void)
{
    struct json *schema = json_schema_type("object");
    struct json *properties = json_object();
    struct json *required = json_array();

    json_set(schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    json_set(schema, "title", json_string("vmbuild spec"));
    for (size_t i = 0; i < spec_key_count; i++) {
        const struct spec_key *key = &spec_keys[i];

        json_set(properties, key->name, key_schema(key));
        if (key->required)
            json_append(required, json_string(key->name));
    }
    json_set(schema, "properties", properties);
    json_set(schema, "required", required);
    json_set(schema, "additionalProperties", json_boolean(false));
    return schema;
}
