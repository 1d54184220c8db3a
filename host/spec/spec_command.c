#include "host/spec/spec_command.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"
#include "host/spec/json_schema.h"
#include "host/spec/spec.h"
#include "host/spec/spec_error.h"
#include "host/spec/spec_key.h"

static struct error *read_words(const struct spec_key *key, const struct json *value,
                                struct strings *words)
{
    for (size_t i = 0; i < value->count; i++) {
        if (value->items[i]->type != JSON_STRING)
            return spec_error_type(key->name, value->items[i], "a string");
        strings_add(words, value->items[i]->text);
    }
    return words->count > 0 && *words->items[0] != '\0'
               ? NULL
               : spec_error(key->name, value, "a list must begin with the name of a program");
}

/* An empty text counts as not given, as for other scripts. */
static struct error *read_command(const struct spec_key *key, const struct spec_source *source,
                                  struct json *value, void *member)
{
    struct spec_command *command = member;

    (void)source;
    if (value->type == JSON_ARRAY)
        return read_words(key, value, &command->words);
    if (value->type != JSON_STRING)
        return spec_error_type(key->name, value, "a string or a list of strings");
    if (*value->text != '\0')
        command->text = xstrdup(value->text);
    return NULL;
}

static void free_command(void *member)
{
    struct spec_command *command = member;

    free(command->text);
    strings_free(&command->words);
    *command = (struct spec_command){0};
}

static struct json *describe_command(const void *member)
{
    const struct spec_command *command = member;

    if (command->text != NULL)
        return json_string(command->text);
    if (command->words.count == 0)
        return json_null();
    struct json *words = json_array();

    for (size_t i = 0; i < command->words.count; i++)
        json_append(words, json_string(command->words.items[i]));
    return words;
}

static struct json *command_schema(const struct spec_key *key)
{
    struct json *words = json_schema_list(json_schema_type("string"));

    (void)key;
    json_set(words, "minItems", json_integer(1));
    return json_schema_either(json_schema_type("string"), words);
}

const struct spec_kind spec_command_kind = {
    .type = "string or list",
    .json_start = "[\"", /* a command of the shell may begin with a bracket, but not so */
    .read = read_command,
    .free = free_command,
    .describe = describe_command,
    .is_script = true,
    .schema = command_schema,
};
