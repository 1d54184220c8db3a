/* The instructions that change an image's config, and WORKDIR. */
#include "host/dockerfile/conversion_state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/dockerfile/duration.h"
#include "host/dockerfile/instruction_flags.h"
#include "host/dockerfile/ports.h"
#include "host/dockerfile/signal_name.h"
#include "host/lib/character.h"
#include "host/lib/clean_path.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

struct pair {
    char *name, *value;
};

/* Replaces the variables of all ASSIGNMENTS before any of them is set. */
static struct error *expand_pairs(struct conversion *conversion,
                                  const struct conversion_stage *stage,
                                  const struct assignments *assignments, struct pair *ret)
{
    for (size_t i = 0; i < assignments->count; i++) {
        TRY(conversion_expand(conversion, stage, assignments->items[i].name, &ret[i].name));
        TRY(conversion_expand(conversion, stage, assignments->items[i].value, &ret[i].value));
        if (*ret[i].name == '\0' || strchr(ret[i].name, '=') != NULL)
            return error_new(EXIT_INPUT, "'%.100s' is not a name", ret[i].name);
    }
    return NULL;
}

static void set_pair(struct conversion_stage *stage, enum keyword keyword, const struct pair *pair)
{
    if (keyword == KEYWORD_ENV)
        conversion_set_variable(stage, pair->name, pair->value);
    else
        json_set(conversion_config_object(stage, "Labels"), pair->name, json_string(pair->value));
}

/* ENV and LABEL. */
static struct error *set_pairs(struct conversion *conversion, struct conversion_stage *stage,
                               const struct instruction *instruction)
{
    size_t count = instruction->assignments.count;
    CLEANUP(freep) struct pair *pairs = xcalloc(count, sizeof *pairs);
    struct error *err = expand_pairs(conversion, stage, &instruction->assignments, pairs);

    for (size_t i = 0; i < count; i++) {
        if (err == NULL)
            set_pair(stage, instruction->keyword, &pairs[i]);
        free(pairs[i].name);
        free(pairs[i].value);
    }
    return err;
}

static struct json *list_of(const struct strings *strings)
{
    struct json *list = json_array();

    for (size_t i = 0; i < strings->count; i++)
        json_append(list, json_string(strings->items[i]));
    return list;
}

static bool is_list_of_strings(const struct json *value)
{
    if (value == NULL || value->type != JSON_ARRAY)
        return false;
    for (size_t i = 0; i < value->count; i++)
        if (value->items[i]->type != JSON_STRING)
            return false;
    return true;
}

struct json *conversion_shell(const struct conversion_stage *stage)
{
    struct json *shell = json_get(stage->config, "Shell");

    if (is_list_of_strings(shell) && shell->count > 0)
        return json_copy(shell);
    shell = json_array();
    json_append(shell, json_string("/bin/sh"));
    json_append(shell, json_string("-c"));
    return shell;
}

/* CMD and ENTRYPOINT. */
static void set_command(struct conversion *conversion, struct conversion_stage *stage,
                        const struct instruction *instruction)
{
    struct json *command = NULL;

    if (!instruction->is_json && json_get(stage->config, "Shell") == NULL)
        conversion_warn(conversion, CHECK_JSON_ARGS_RECOMMENDED,
                        "a shell between does not pass signals on: write %s [\"PROGRAM\", ...]",
                        keyword_name(instruction->keyword));

    if (instruction->is_json) {
        command = list_of(&instruction->arguments);
    } else {
        command = conversion_shell(stage);
        json_append(
            command,
            json_string(instruction->arguments.count > 0 ? instruction->arguments.items[0] : ""));
    }
    if (instruction->keyword == KEYWORD_CMD) {
        stage->has_command = true;
        conversion_configure(stage, "Cmd", command);
        return;
    }
    /* An ENTRYPOINT takes the base's CMD away, but not that of its own stage. */
    const struct json *own = json_get(stage->config, "Cmd");

    if (stage->has_command && own != NULL)
        conversion_configure(stage, "Cmd", json_copy(own));
    else
        json_remove(stage->config, "Cmd");
    conversion_configure(stage, "Entrypoint", command);
}

static void check_port(struct conversion *conversion, const char *port)
{
    const char *protocol = strchr(port, '/');

    if (strchr(port, ':') != NULL)
        conversion_warn(conversion, CHECK_EXPOSE_INVALID_FORMAT,
                        "'%s': a port of the host is not for the image to choose", port);
    for (; protocol != NULL && *protocol != '\0'; protocol++)
        if (*protocol >= 'A' && *protocol <= 'Z')
            conversion_warn(conversion, CHECK_EXPOSE_PROTO_CASING,
                            "the protocol of '%s' should be in small letters", port);
}

static struct error *set_ports(struct conversion *conversion, struct conversion_stage *stage,
                               const struct instruction *instruction)
{
    CLEANUP(strings_free) struct strings ports = {0};

    for (size_t i = 0; i < instruction->arguments.count; i++)
        TRY(conversion_split(conversion, stage, instruction->arguments.items[i], &ports));
    for (size_t i = 0; i < ports.count; i++)
        check_port(conversion, ports.items[i]);
    for (size_t i = 0; i < ports.count; i++)
        TRY(ports_read(ports.items[i], conversion_config_object(stage, "ExposedPorts")));
    return NULL;
}

static struct error *set_volumes(struct conversion *conversion, struct conversion_stage *stage,
                                 const struct instruction *instruction)
{
    for (size_t i = 0; i < instruction->arguments.count; i++) {
        CLEANUP(freep) char *trimmed = character_trim(instruction->arguments.items[i]);
        CLEANUP(freep) char *path = NULL;

        TRY(conversion_expand(conversion, stage, trimmed, &path));
        if (*path == '\0')
            return error_new(EXIT_INPUT, "a path must not be empty");
        json_set(conversion_config_object(stage, "Volumes"), path, json_object());
    }
    return NULL;
}

/* Sets NAME of HEALTH to the value of FLAG in nanoseconds, unless that is 0. */
static void set_duration(const struct instruction *instruction, const char *flag, const char *name,
                         struct json *health)
{
    const char *text = instruction_flag(instruction, flag);
    int64_t duration = 0;

    if (text != NULL && duration_parse(text, &duration) && duration > 0)
        json_set(health, name, json_integer(duration));
}

static void set_health(struct conversion_stage *stage, const struct instruction *instruction)
{
    struct json *health = json_object();
    struct json *test = json_array();
    bool is_none = strcasecmp(instruction->arguments.items[0], "NONE") == 0;
    const char *retries = instruction_flag(instruction, "retries");

    json_append(test, json_string(is_none ? "NONE" : instruction->is_json ? "CMD" : "CMD-SHELL"));
    for (size_t i = 1; i < instruction->arguments.count; i++)
        json_append(test, json_string(instruction->arguments.items[i]));
    json_set(health, "Test", test);
    set_duration(instruction, "interval", "Interval", health);
    set_duration(instruction, "timeout", "Timeout", health);
    set_duration(instruction, "start-period", "StartPeriod", health);
    set_duration(instruction, "start-interval", "StartInterval", health);
    if (retries != NULL && strtoll(retries, NULL, 10) > 0)
        json_set(health, "Retries", json_integer(strtoll(retries, NULL, 10)));
    conversion_configure(stage, "Healthcheck", health);
}

/* USER and STOPSIGNAL: one value. */
static struct error *set_text(struct conversion *conversion, struct conversion_stage *stage,
                              const char *name, const struct instruction *instruction)
{
    CLEANUP(freep) char *value = NULL;

    TRY(conversion_expand(conversion, stage, instruction->arguments.items[0], &value));
    if (*value == '\0')
        return error_new(EXIT_INPUT, "'%.100s' is empty", instruction->arguments.items[0]);
    if (instruction->keyword == KEYWORD_STOPSIGNAL && !signal_name_is_known(value))
        return error_advise(error_new(EXIT_INPUT, "unknown signal '%.40s'", value),
                            "write a name such as SIGTERM, or a number from 1 to 64");
    conversion_configure(stage, name, json_string(value));
    return NULL;
}

/* WORKDIR also makes the directory, which is the user's. */
static struct error *set_folder(struct conversion *conversion, struct conversion_stage *stage,
                                const struct instruction *instruction)
{
    CLEANUP(freep) char *path = NULL;

    TRY(conversion_expand(conversion, stage, instruction->arguments.items[0], &path));
    CLEANUP(freep) char *whole = clean_path_in(conversion_folder(stage), path);
    CLEANUP(freep) char *cleaned = clean_path(whole);

    if (!stage->has_folder && *path != '/')
        conversion_warn(conversion, CHECK_WORKDIR_RELATIVE_PATH,
                        "where '%s' is depends on the base image", path);
    stage->has_folder = true;
    conversion_configure(stage, "WorkingDir", json_string(cleaned));
    if (strcmp(cleaned, "/") == 0)
        return NULL;
    CLEANUP(freep) char *history = xasprintf("WORKDIR %s", cleaned);
    const char *user = json_get_string(stage->config, "User");
    CLEANUP(freep) char *owner = user != NULL ? conversion_owner(user) : NULL;
    struct json *node = conversion_begin_node(conversion, stage);
    struct json *element = json_object();
    struct json *contents = json_array();

    json_set(element, "directory", json_string(cleaned));
    if (owner != NULL)
        json_set(element, "owner", json_string(owner));
    json_append(contents, element);
    json_set(node, "contents", contents);
    json_set(node, "createdBy", json_string(history));
    return NULL;
}

/* An ONBUILD is kept as it is written, with its here-documents. */
static void add_trigger(struct conversion_stage *stage, const struct instruction *instruction)
{
    const struct instruction *trigger = instruction->trigger;
    struct buffer text = {0};
    struct json *list = json_array();

    buffer_printf(&text, "%s", trigger->text);
    for (size_t i = 0; i < trigger->heredocs.count; i++)
        buffer_printf(&text, "\n%s%s", trigger->heredocs.items[i].text,
                      trigger->heredocs.items[i].name);
    strings_take(&stage->own_triggers, buffer_steal(&text));
    for (size_t i = 0; i < stage->own_triggers.count; i++)
        json_append(list, json_string(stage->own_triggers.items[i]));
    conversion_configure(stage, "OnBuild", list);
}

const char *conversion_folder(const struct conversion_stage *stage)
{
    const char *folder = json_get_string(stage->config, "WorkingDir");

    return folder != NULL && *folder == '/' ? folder : "/";
}

struct error *conversion_set(struct conversion *conversion, size_t index,
                             const struct instruction *instruction)
{
    struct conversion_stage *stage = &conversion->states[index];

    switch (instruction->keyword) {
    case KEYWORD_ENV:
    case KEYWORD_LABEL:
        return set_pairs(conversion, stage, instruction);
    case KEYWORD_CMD:
    case KEYWORD_ENTRYPOINT:
        set_command(conversion, stage, instruction);
        return NULL;
    case KEYWORD_EXPOSE:
        return set_ports(conversion, stage, instruction);
    case KEYWORD_VOLUME:
        return set_volumes(conversion, stage, instruction);
    case KEYWORD_HEALTHCHECK:
        set_health(stage, instruction);
        return NULL;
    case KEYWORD_USER:
        return set_text(conversion, stage, "User", instruction);
    case KEYWORD_STOPSIGNAL:
        return set_text(conversion, stage, "StopSignal", instruction);
    case KEYWORD_SHELL:
        conversion_configure(stage, "Shell", list_of(&instruction->arguments));
        return NULL;
    case KEYWORD_WORKDIR:
        return set_folder(conversion, stage, instruction);
    case KEYWORD_ONBUILD:
        add_trigger(stage, instruction);
        return NULL;
    default: /* MAINTAINER */
        free(stage->author);
        stage->author = xstrdup(instruction->arguments.items[0]);
        stage->is_author_new = true;
        return NULL;
    }
}
