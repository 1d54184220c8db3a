#include "host/spec/spec_config.h"

#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"
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

/* What a value must be, and an example. */
static const struct {
    const char *text, *example;
} forms[] = {
    [WORDS] = {"a list of strings", "[\"nginx\", \"-g\", \"daemon off;\"]"},
    [STRING_LIST] = {"a list of strings", "[\"RUN true\"]"},
    [ASSIGNMENTS] = {"a list of NAME=VALUE", "[\"LANG=C.UTF-8\", \"DEBUG=1\"]"},
    [STRING] = {"a string", "\"1000:1000\""},
    [STRING_MAP] = {"an object of strings", "{\"version\": \"1.2\"}"},
    [SET] = {"an object whose members are objects", "{\"NAME\": {}}"},
    [BOOLEAN] = {"true or false", "true"},
    [NUMBER] = {"a number", "10"},
    [OBJECT] = {"an object", "{\"Test\": [\"CMD\", \"/bin/check\"]}"},
};

const char *spec_config_member(const char *name)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (strcasecmp(name, members[i].name) == 0)
            return members[i].name;
    return NULL;
}

const char *spec_config_nearest(const char *name)
{
    return nearest_word(name, &members->name, sizeof *members, sizeof members / sizeof *members);
}

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
    for (size_t i = 0; i < config->count; i++) {
        const char *member = spec_config_member(config->keys[i]);

        if (member != NULL && strcmp(config->keys[i], member) != 0)
            return error_advise(refuse(config->keys[i], config->items[i], "unknown option"),
                                "did you mean '%s'?", member);
    }
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
            CLEANUP(freep) char *cause = xasprintf("must be %s", forms[members[i].form].text);

            return error_advise(refuse(members[i].name, value, cause), "such as \"%s\": %s",
                                members[i].name, forms[members[i].form].example);
        }
    }
    return NULL;
}
