#include "host/spec/spec_config.h"

#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/spec/spec_error.h"

enum form { WORDS, STRING_LIST, ASSIGNMENTS, STRING, STRING_MAP, SET, BOOLEAN, NUMBER, OBJECT };

static const struct {
    const char *name;
    enum form form;
} members[] = {
    {"Cmd", WORDS},           {"Entrypoint", WORDS},   {"Shell", WORDS},
    {"OnBuild", STRING_LIST}, {"Env", ASSIGNMENTS},    {"User", STRING},
    {"WorkingDir", STRING},   {"StopSignal", STRING},  {"Hostname", STRING},
    {"Domainname", STRING},   {"Labels", STRING_MAP},  {"ExposedPorts", SET},
    {"Volumes", SET},         {"Healthcheck", OBJECT}, {"ArgsEscaped", BOOLEAN},
    {"StopTimeout", NUMBER},  {"Memory", NUMBER},      {"MemorySwap", NUMBER},
    {"CpuShares", NUMBER},
};

static const char *const form_texts[] = {
    [WORDS] = "a list of strings",
    [STRING_LIST] = "a list of strings",
    [ASSIGNMENTS] = "a list of NAME=VALUE",
    [STRING] = "a string",
    [STRING_MAP] = "an object of strings",
    [SET] = "an object whose members are objects",
    [BOOLEAN] = "true or false",
    [NUMBER] = "a number",
    [OBJECT] = "an object",
};

/* Whether every child of VALUE has TYPE. */
static bool all_children(const struct json *value, enum json_type type)
{
    for (size_t i = 0; i < value->count; i++)
        if (value->items[i]->type != type)
            return false;
    return true;
}

/* Whether VALUE is an object whose members are of TYPE, or null, which removes the base's. */
static bool is_map_of(const struct json *value, enum json_type type)
{
    if (value->type != JSON_OBJECT)
        return false;
    for (size_t i = 0; i < value->count; i++)
        if (value->items[i]->type != type && value->items[i]->type != JSON_NULL)
            return false;
    return true;
}

static bool are_assignments(const struct json *value)
{
    for (size_t i = 0; i < value->count; i++) {
        const char *equals = strchr(value->items[i]->text, '=');

        if (equals == NULL || equals == value->items[i]->text)
            return false;
    }
    return true;
}

static bool has_form(const struct json *value, enum form form)
{
    switch (form) {
    case WORDS:
    case STRING_LIST:
        return value->type == JSON_ARRAY && all_children(value, JSON_STRING);
    case ASSIGNMENTS:
        return value->type == JSON_ARRAY && all_children(value, JSON_STRING) &&
               are_assignments(value);
    case STRING:
        return value->type == JSON_STRING;
    case STRING_MAP:
        return is_map_of(value, JSON_STRING);
    case SET:
        return is_map_of(value, JSON_OBJECT);
    case BOOLEAN:
        return value->type == JSON_BOOLEAN;
    case NUMBER:
        return value->type == JSON_NUMBER;
    case OBJECT:
        return value->type == JSON_OBJECT;
    }
    return false;
}

/* An error about the option NAME, whose value is VALUE. */
static struct error *refuse(const char *name, const struct json *value, const char *cause)
{
    CLEANUP(freep) char *key = xasprintf("config.%s", name);

    return spec_error(key, value, "%s", cause);
}

/* Programs in Go take "env" for "Env", others do not: its meaning must not depend on the reader. */
static struct error *check_case(const struct json *config)
{
    for (size_t i = 0; i < config->count; i++)
        for (size_t j = 0; j < sizeof members / sizeof *members; j++)
            if (strcasecmp(config->keys[i], members[j].name) == 0 &&
                strcmp(config->keys[i], members[j].name) != 0)
                return error_advise(refuse(config->keys[i], config->items[i], "unknown option"),
                                    "did you mean '%s'?", members[j].name);
    return NULL;
}

struct error *spec_config_check(struct json *config)
{
    TRY(check_case(config));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        struct json *value = json_get(config, members[i].name);

        if (value == NULL || value->type == JSON_NULL)
            continue;
        if (members[i].form == WORDS && value->type == JSON_STRING) {
            struct json *list = json_array();

            json_append(list, json_string(value->text));
            json_set(config, members[i].name, list);
        } else if (!has_form(value, members[i].form)) {
            CLEANUP(freep)
            char *cause = xasprintf("must be %s", form_texts[members[i].form]);

            return refuse(members[i].name, value, cause);
        }
    }
    return NULL;
}
