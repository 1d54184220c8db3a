#include "host/spec/spec_schema.h"

#include "host/lib/cleanup.h"
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

/* The schema of an object with the keys of a spec. HAS_NAME: also those that name the image. */
static struct json *keys_schema(bool has_name)
{
    static const char *const naming[] = {"name", "tag"};
    struct json *schema = json_schema_type("object");
    struct json *properties = json_object();

    for (size_t i = 0; i < spec_key_count; i++)
        json_set(properties, spec_keys[i].name, key_schema(&spec_keys[i]));
    for (size_t i = 0; !has_name && i < sizeof naming / sizeof *naming; i++)
        json_remove(properties, naming[i]);
    json_set(schema, "properties", properties);
    json_set(schema, "additionalProperties", json_boolean(false));
    return schema;
}

static struct json *reference_to(const char *definition)
{
    struct json *schema = json_object();

    json_set(schema, "$ref", json_string(definition));
    return schema;
}

/* The schema of an image that is built for another one (spec_graph.h). */
static struct json *built_schema(void)
{
    static const char *const use[] = {"use", NULL}, *const file[] = {"spec", NULL},
                             *const one_of_file[] = {"spec", "use", NULL};
    struct json *schema = json_schema_either(json_schema_record(use), json_schema_record(file));

    json_append(json_get(schema, "anyOf"), json_schema_record(one_of_file));
    json_append(json_get(schema, "anyOf"), keys_schema(false));
    return schema;
}

static struct json *images_schema(void)
{
    struct json *schema = json_schema_map(reference_to("#/$defs/image"));

    json_set(schema, "minProperties", json_integer(1));
    json_set(schema, "description",
             json_string("Several images, by name, in place of all other keys."));
    return schema;
}

/* Either a spec with all that it requires, or `images` alone. */
static struct json *forms_schema(void)
{
    struct json *spec = json_object(), *images = json_object();
    struct json *required = json_array(), *one = json_array(), *forms = json_array();

    for (size_t i = 0; i < spec_key_count; i++)
        if (spec_keys[i].required)
            json_append(required, json_string(spec_keys[i].name));
    json_append(one, json_string("images"));
    json_set(spec, "required", required);
    json_set(spec, "properties", json_object());
    json_set(json_get(spec, "properties"), "images", json_boolean(false));
    json_set(images, "required", one);
    json_set(images, "maxProperties", json_integer(1));
    json_append(forms, spec);
    json_append(forms, images);
    return forms;
}

struct json *spec_schema(void)
{
    struct json *schema = json_object();
    CLEANUP(json_freep) struct json *keys = keys_schema(true);
    struct json *definitions = json_object();

    json_set(schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    json_set(schema, "title", json_string("vmbuild spec"));
    for (size_t i = 0; i < keys->count; i++)
        json_set(schema, keys->keys[i], json_copy(keys->items[i]));
    json_set(json_get(schema, "properties"), "images", images_schema());
    json_set(schema, "anyOf", forms_schema());
    json_set(definitions, "image", keys_schema(true));
    json_set(definitions, "built", built_schema());
    json_set(schema, "$defs", definitions);
    return schema;
}
