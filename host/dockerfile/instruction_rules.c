#include "host/dockerfile/instruction_rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/dockerfile/duration.h"
#include "host/dockerfile/instruction_flags.h"
#include "host/lib/character.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define RETRIES_MAX INT32_MAX
#define NANOSECONDS_MIN 1000000 /* of HEALTHCHECK: a millisecond */

static struct error *refuse(const char *cause)
{
    return error_new(EXIT_INPUT, "%s", cause);
}

static struct error *check_one(const struct instruction *instruction)
{
    return instruction->arguments.count == 1 ? NULL : refuse("requires an argument");
}

static struct error *check_some(const struct instruction *instruction)
{
    return instruction->arguments.count > 0 ? NULL : refuse("requires an argument");
}

static struct error *check_assignments(const struct instruction *instruction)
{
    if (instruction->assignments.count == 0)
        return refuse("requires an argument");
    for (size_t i = 0; i < instruction->assignments.count; i++)
        if (*instruction->assignments.items[i].name == '\0')
            return refuse("a name must not be empty");
    return NULL;
}

static struct error *check_copy(const struct instruction *instruction)
{
    size_t count = instruction->arguments.count;
    struct heredoc heredoc = {0};
    bool is_one = false;

    if (count < 2)
        return refuse("requires a source and a destination");
    struct error *err = heredoc_read(instruction->arguments.items[count - 1], &is_one, &heredoc);

    heredoc_free(&heredoc);
    if (err == NULL && is_one && !instruction->is_json)
        return refuse("the destination cannot be a here-document");
    return err;
}

/* The name of a stage: letters, digits, '-', '_' and '.', a letter first. */
static bool is_stage_name(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');

        if (!is_letter && (at == name || strchr("0123456789-_.", *at) == NULL))
            return false;
    }
    return *name != '\0';
}

static struct error *check_from(const struct instruction *instruction)
{
    const struct strings *arguments = &instruction->arguments;

    if (arguments->count != 1 &&
        (arguments->count != 3 || strcasecmp(arguments->items[1], "as") != 0))
        return error_advise(refuse("requires an image, and may have a name for the stage"),
                            "write FROM IMAGE or FROM IMAGE AS NAME");
    if (arguments->count == 3 && !is_stage_name(arguments->items[2]))
        return error_advise(
            error_new(EXIT_INPUT, "'%.100s' cannot be a stage's name", arguments->items[2]),
            "use letters, digits, '-', '_' and '.', and begin with a letter");
    return NULL;
}

static struct error *check_duration(const struct instruction *instruction, const char *name)
{
    const char *text = instruction_flag(instruction, name);
    int64_t duration = 0;

    if (text == NULL || *text == '\0')
        return NULL;
    if (!duration_parse(text, &duration))
        return error_advise(error_new(EXIT_INPUT, "'--%s=%.40s' is not a duration", name, text),
                            "such as 30s or 1m30s");
    if (duration > 0 && duration < NANOSECONDS_MIN)
        return error_new(EXIT_INPUT, "'--%s=%.40s' is less than 1ms", name, text);
    return NULL;
}

static struct error *check_retries(const struct instruction *instruction)
{
    const char *text = instruction_flag(instruction, "retries");

    if (text == NULL || *text == '\0')
        return NULL;
    if (text[strspn(text, "0123456789")] != '\0' || strlen(text) > 10 ||
        strtoll(text, NULL, 10) > RETRIES_MAX)
        return error_new(EXIT_INPUT, "'--retries' must be a whole number between 0 and %d",
                         RETRIES_MAX);
    return NULL;
}

static struct error *check_health(const struct instruction *instruction)
{
    static const char *const durations[] = {"interval", "timeout", "start-period",
                                            "start-interval"};
    const struct strings *arguments = &instruction->arguments;

    TRY(check_some(instruction));
    if (strcasecmp(arguments->items[0], "NONE") == 0)
        return arguments->count > 1 ? refuse("NONE takes no arguments") : NULL;
    if (strcasecmp(arguments->items[0], "CMD") != 0)
        return error_advise(error_new(EXIT_INPUT, "unknown kind '%.40s'", arguments->items[0]),
                            "write HEALTHCHECK CMD COMMAND or HEALTHCHECK NONE");
    if (arguments->count < 2)
        return refuse("CMD requires a command");
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++)
        TRY(check_duration(instruction, durations[i]));
    return check_retries(instruction);
}

static struct error *check_shell(const struct instruction *instruction)
{
    if (!instruction->is_json || instruction->arguments.count == 0)
        return error_advise(refuse("requires a JSON array"), "such as [\"/bin/bash\", \"-c\"]");
    return NULL;
}

static struct error *check_volume(const struct instruction *instruction)
{
    TRY(check_some(instruction));
    for (size_t i = 0; i < instruction->arguments.count; i++)
        if (*character_skip_space(instruction->arguments.items[i]) == '\0')
            return refuse("a path must not be empty");
    return NULL;
}

static struct error *check_trigger(const struct instruction *instruction)
{
    return instruction->trigger != NULL ? instruction_check(instruction->trigger)
                                        : refuse("requires an instruction");
}

static struct error *check_any(const struct instruction *instruction)
{
    (void)instruction;
    return NULL;
}

static struct error *(*const checks[KEYWORD_COUNT])(const struct instruction *) = {
    [KEYWORD_ADD] = check_copy,
    [KEYWORD_ARG] = check_assignments,
    [KEYWORD_CMD] = check_any,
    [KEYWORD_COPY] = check_copy,
    [KEYWORD_ENTRYPOINT] = check_any,
    [KEYWORD_ENV] = check_assignments,
    [KEYWORD_EXPOSE] = check_some,
    [KEYWORD_FROM] = check_from,
    [KEYWORD_HEALTHCHECK] = check_health,
    [KEYWORD_LABEL] = check_assignments,
    [KEYWORD_MAINTAINER] = check_one,
    [KEYWORD_ONBUILD] = check_trigger,
    [KEYWORD_RUN] = check_some,
    [KEYWORD_SHELL] = check_shell,
    [KEYWORD_STOPSIGNAL] = check_one,
    [KEYWORD_USER] = check_one,
    [KEYWORD_VOLUME] = check_volume,
    [KEYWORD_WORKDIR] = check_one,
};

struct error *instruction_check(const struct instruction *instruction)
{
    struct error *err = instruction_flags_check(instruction);

    if (err == NULL)
        err = checks[instruction->keyword](instruction);
    return error_context(err, "%s", keyword_name(instruction->keyword));
}
