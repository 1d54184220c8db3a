#include "host/dockerfile/instruction_flags.h"

#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"

#define BIT(keyword) (1u << KEYWORD_##keyword)

enum flag_kind {
    FLAG_BOOLEAN,
    FLAG_TEXT,
    FLAG_LIST /* it may be repeated */
};

static const struct {
    const char *name;
    enum flag_kind kind;
    unsigned int keywords; /* that take it */
} flags[] = {
    {"checksum", FLAG_TEXT, BIT(ADD)},
    {"chmod", FLAG_TEXT, BIT(ADD) | BIT(COPY)},
    {"chown", FLAG_TEXT, BIT(ADD) | BIT(COPY)},
    {"device", FLAG_LIST, BIT(RUN)},
    {"exclude", FLAG_LIST, BIT(ADD) | BIT(COPY)},
    {"from", FLAG_TEXT, BIT(COPY)},
    {"interval", FLAG_TEXT, BIT(HEALTHCHECK)},
    {"keep-git-dir", FLAG_BOOLEAN, BIT(ADD)},
    {"link", FLAG_BOOLEAN, BIT(ADD) | BIT(COPY)},
    {"mount", FLAG_LIST, BIT(RUN)},
    {"network", FLAG_TEXT, BIT(RUN)},
    {"parents", FLAG_BOOLEAN, BIT(COPY)},
    {"platform", FLAG_TEXT, BIT(FROM)},
    {"retries", FLAG_TEXT, BIT(HEALTHCHECK)},
    {"security", FLAG_TEXT, BIT(RUN)},
    {"start-interval", FLAG_TEXT, BIT(HEALTHCHECK)},
    {"start-period", FLAG_TEXT, BIT(HEALTHCHECK)},
    {"timeout", FLAG_TEXT, BIT(HEALTHCHECK)},
    {"unpack", FLAG_BOOLEAN, BIT(ADD)},
};

#define FLAG_COUNT (sizeof flags / sizeof *flags)

/* Returns the value of FLAG, "--NAME=VALUE", if it is NAME, of LENGTH bytes; else NULL. */
static const char *value_of(const char *flag, const char *name, size_t length)
{
    if (strncmp(flag + 2, name, length) != 0)
        return NULL;
    const char *end = flag + 2 + length;

    return *end == '=' ? end + 1 : *end == '\0' ? "true" : NULL;
}

/* Returns the index of the flag of KEYWORD called NAME, of LENGTH bytes; FLAG_COUNT if it has none.
 */
static size_t find(enum keyword keyword, const char *name, size_t length)
{
    size_t i = 0;

    while (i < FLAG_COUNT &&
           !((flags[i].keywords & 1u << keyword) != 0 && strlen(flags[i].name) == length &&
             strncmp(flags[i].name, name, length) == 0))
        i++;
    return i;
}

/* An error about the flag called NAME, of LENGTH bytes, which KEYWORD does not take. */
static struct error *refuse(enum keyword keyword, const char *name, size_t length)
{
    CLEANUP(freep) char *word = xstrndup(name, length < 40 ? length : 40);
    const char *known[FLAG_COUNT] = {0};
    size_t count = 0;

    for (size_t i = 0; i < FLAG_COUNT; i++)
        if ((flags[i].keywords & 1u << keyword) != 0)
            known[count++] = flags[i].name;
    const char *nearest = nearest_word(word, known, sizeof *known, count);
    struct error *err = error_new(EXIT_INPUT, "unknown flag '--%s'", word);

    if (nearest != NULL)
        return error_advise(err, "did you mean '--%s'?", nearest);
    return keyword == KEYWORD_CMD || keyword == KEYWORD_ENTRYPOINT || keyword == KEYWORD_RUN
               ? error_advise(err, "write -- before a command that begins with two dashes")
               : err;
}

static struct error *check_value(size_t flag, const char *value, bool has_value)
{
    if (flags[flag].kind == FLAG_BOOLEAN && strcasecmp(value, "true") != 0 &&
        strcasecmp(value, "false") != 0)
        return error_new(EXIT_INPUT, "'--%s' must be true or false", flags[flag].name);
    if (flags[flag].kind != FLAG_BOOLEAN && !has_value)
        return error_new(EXIT_INPUT, "'--%s' requires a value: --%s=VALUE", flags[flag].name,
                         flags[flag].name);
    return NULL;
}

/* Checks FLAG, before which the flags of SEEN stood, and adds it to these. */
static struct error *check_flag(enum keyword keyword, const char *flag, bool *seen)
{
    size_t length = strcspn(flag + 2, "=");
    bool has_value = flag[2 + length] == '=';
    size_t found = find(keyword, flag + 2, length);

    if (found == FLAG_COUNT)
        return refuse(keyword, flag + 2, length);
    if (seen[found] && flags[found].kind != FLAG_LIST)
        return error_new(EXIT_INPUT, "'--%s' is repeated", flags[found].name);
    seen[found] = true;
    return check_value(found, has_value ? flag + 2 + length + 1 : "true", has_value);
}

struct error *instruction_flags_check(const struct instruction *instruction)
{
    bool seen[FLAG_COUNT] = {false};

    for (size_t i = 0; i < instruction->flags.count; i++)
        TRY(check_flag(instruction->keyword, instruction->flags.items[i], seen));
    return NULL;
}

const char *instruction_flag(const struct instruction *instruction, const char *name)
{
    for (size_t i = 0; i < instruction->flags.count; i++) {
        const char *value = value_of(instruction->flags.items[i], name, strlen(name));

        if (value != NULL)
            return value;
    }
    return NULL;
}

bool instruction_flag_is_set(const struct instruction *instruction, const char *name)
{
    const char *value = instruction_flag(instruction, name);

    return value != NULL && strcasecmp(value, "false") != 0;
}

void instruction_flag_values(const struct instruction *instruction, const char *name,
                             struct strings *ret)
{
    for (size_t i = 0; i < instruction->flags.count; i++) {
        const char *value = value_of(instruction->flags.items[i], name, strlen(name));

        if (value != NULL)
            strings_add(ret, value);
    }
}
