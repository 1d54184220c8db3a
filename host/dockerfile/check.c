#include "host/dockerfile/check.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define BLANKS " \t"

static const struct {
    const char *name;
    bool is_experiment; /* it applies only if the directive asks for it */
} rules[CHECK_COUNT] = {
    [CHECK_CONSISTENT_INSTRUCTION_CASING] = {"ConsistentInstructionCasing", false},
    [CHECK_COPY_IGNORED_FILE] = {"CopyIgnoredFile", false},
    [CHECK_DUPLICATE_STAGE_NAME] = {"DuplicateStageName", false},
    [CHECK_EXPOSE_INVALID_FORMAT] = {"ExposeInvalidFormat", false},
    [CHECK_EXPOSE_PROTO_CASING] = {"ExposeProtoCasing", false},
    [CHECK_FROM_AS_CASING] = {"FromAsCasing", false},
    [CHECK_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = {"FromPlatformFlagConstDisallowed", false},
    [CHECK_INVALID_BASE_IMAGE_PLATFORM] = {"InvalidBaseImagePlatform", false},
    [CHECK_INVALID_DEFAULT_ARG_IN_FROM] = {"InvalidDefaultArgInFrom", false},
    [CHECK_INVALID_DEFINITION_DESCRIPTION] = {"InvalidDefinitionDescription", true},
    [CHECK_JSON_ARGS_RECOMMENDED] = {"JSONArgsRecommended", false},
    [CHECK_LEGACY_KEY_VALUE_FORMAT] = {"LegacyKeyValueFormat", false},
    [CHECK_MAINTAINER_DEPRECATED] = {"MaintainerDeprecated", false},
    [CHECK_MULTIPLE_INSTRUCTIONS_DISALLOWED] = {"MultipleInstructionsDisallowed", false},
    [CHECK_NO_EMPTY_CONTINUATION] = {"NoEmptyContinuation", false},
    [CHECK_REDUNDANT_TARGET_PLATFORM] = {"RedundantTargetPlatform", false},
    [CHECK_RESERVED_STAGE_NAME] = {"ReservedStageName", false},
    [CHECK_SECRETS_USED_IN_ARG_OR_ENV] = {"SecretsUsedInArgOrEnv", false},
    [CHECK_STAGE_NAME_CASING] = {"StageNameCasing", false},
    [CHECK_UNDEFINED_ARG_IN_FROM] = {"UndefinedArgInFrom", false},
    [CHECK_UNDEFINED_VAR] = {"UndefinedVar", false},
    [CHECK_WORKDIR_RELATIVE_PATH] = {"WorkdirRelativePath", false},
};

const char *check_rule_name(enum check_rule rule)
{
    return rules[rule].name;
}

/* Returns TEXT up to LENGTH without white space at its ends; the caller's. */
static char *trimmed(const char *text, size_t length)
{
    while (length > 0 && strchr(BLANKS, *text) != NULL) {
        text++;
        length--;
    }
    while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
        length--;
    return xstrndup(text, length);
}

/* Marks the rules of LIST, names with commas between them or "all", in MARKS. A name that is
 * unknown may be that of a rule of another version. */
static void mark_rules(const char *list, bool *marks)
{
    bool is_all = strcmp(list, "all") == 0;

    for (size_t i = 0; is_all && i < CHECK_COUNT; i++)
        marks[i] = true;
    for (const char *at = list; *at != '\0';) {
        size_t length = strcspn(at, ",");
        CLEANUP(freep) char *name = trimmed(at, length);

        for (size_t i = 0; i < CHECK_COUNT; i++)
            if (strcmp(rules[i].name, name) == 0)
                marks[i] = true;
        at += length + (at[length] == ',' ? 1 : 0);
    }
}

static struct error *read_strictness(const char *value, bool *ret)
{
    *ret = strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0;
    return *ret || strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0
               ? NULL
               : error_new(EXIT_INPUT, "'error' must be true or false");
}

/* Reads a setting, NAME=VALUE. */
static struct error *read_setting(const char *text, struct check *check)
{
    size_t length = strcspn(text, "=");
    CLEANUP(freep) char *name = trimmed(text, length);
    const char *start = text[length] == '=' ? text + length + 1 : text + length;
    CLEANUP(freep) char *value = trimmed(start, strlen(start));

    if (strcmp(name, "error") == 0)
        return read_strictness(value, &check->is_strict);
    if (strcmp(name, "skip") == 0 || strcmp(name, "experimental") == 0) {
        mark_rules(value, *name == 's' ? check->is_left_out : check->is_tried);
        return NULL;
    }
    return error_advise(error_new(EXIT_INPUT, "unknown setting '%.40s'", name),
                        "write skip=RULE,..., experimental=RULE,... or error=true, with ';' "
                        "between them");
}

struct error *check_read(const char *directive, struct check *check)
{
    for (const char *at = directive; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ";");
        CLEANUP(freep) char *setting = trimmed(at, length);

        TRY(error_context(read_setting(setting, check), "the directive 'check'"));
        at += length + (at[length] == ';' ? 1 : 0);
    }
    return NULL;
}

/* Whether CHECK has the warning TEXT of RULE about LINE. */
static bool has_warning(const struct check *check, enum check_rule rule, unsigned int line,
                        const char *text)
{
    for (size_t i = 0; i < check->count; i++)
        if (check->warnings[i].rule == rule && check->warnings[i].line == line &&
            strcmp(check->warnings[i].text, text) == 0)
            return true;
    return false;
}

void check_warn(struct check *check, enum check_rule rule, unsigned int line, const char *format,
                ...)
{
    va_list args;

    if (rules[rule].is_experiment ? !check->is_tried[rule] : check->is_left_out[rule])
        return;
    va_start(args, format);
    CLEANUP(freep) char *text = xvasprintf(format, args);

    va_end(args);
    if (has_warning(check, rule, line, text))
        return;
    check->warnings = xreallocarray(check->warnings, check->count + 1, sizeof *check->warnings);
    check->warnings[check->count++] =
        (struct check_warning){.rule = rule, .line = line, .text = STEAL(text)};
}

void check_sort(struct check *check)
{
    for (size_t i = 1; i < check->count; i++) {
        struct check_warning warning = check->warnings[i];
        size_t at = i;

        for (; at > 0 && check->warnings[at - 1].line > warning.line; at--)
            check->warnings[at] = check->warnings[at - 1];
        check->warnings[at] = warning;
    }
}

void check_free(struct check *check)
{
    for (size_t i = 0; i < check->count; i++)
        free(check->warnings[i].text);
    free(check->warnings);
    *check = (struct check){0};
}
