#include "host/spec/spec_contents.h"

#include <stdlib.h>

#include "host/lib/memory.h"
#include "host/spec/json_schema.h"
#include "host/spec/spec.h"
#include "host/spec/spec_content.h"
#include "host/spec/spec_error.h"

/* Reads an element into CONTENT, which is zeroed; it is freed with the list. */
static struct error *read_content(const struct spec_key *key, const struct spec_source *source,
                                  const struct json *value, struct spec_content *content)
{
    if (value->type == JSON_STRING)
        return spec_content_read_path(key, source, value, content);
    if (value->type != JSON_OBJECT)
        return spec_error_type(key->name, value, "a path or an object");
    return spec_content_read(key, source, value, content);
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

    for (size_t i = 0; i < contents->count; i++)
        spec_content_free(&contents->items[i]);
    free(contents->items);
    *contents = (struct spec_contents){0};
}

static struct json *describe_contents(const void *member)
{
    const struct spec_contents *contents = member;
    struct json *array = json_array();

    for (size_t i = 0; i < contents->count; i++)
        json_append(array, spec_content_describe(&contents->items[i]));
    return array;
}

static struct json *contents_schema(const struct spec_key *key)
{
    (void)key;
    return json_schema_either(
        json_schema_type("string"),
        json_schema_list(json_schema_either(json_schema_type("string"), spec_content_schema())));
}

const struct spec_kind spec_contents_list = {
    .type = "string or list",
    .json_start = "[",
    .read = read_contents,
    .free = free_contents,
    .describe = describe_contents,
    .schema = contents_schema,
};
