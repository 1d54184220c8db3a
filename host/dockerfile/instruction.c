#include "host/dockerfile/instruction.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/dockerfile/instruction_words.h"
#include "host/lib/character.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"

#define BLANKS "\t\v\f\r "

/* Reads TEXT, what follows the keyword and its flags, into INSTRUCTION. */
typedef struct error *(*form_read)(const char *text, char escape, struct instruction *instruction);

static struct error *read_command(const char *text, char escape, struct instruction *instruction);
static struct error *read_paths(const char *text, char escape, struct instruction *instruction);
static struct error *read_assignments(const char *text, char escape,
                                      struct instruction *instruction);
static struct error *read_definitions(const char *text, char escape,
                                      struct instruction *instruction);
static struct error *read_words(const char *text, char escape, struct instruction *instruction);
static struct error *read_text(const char *text, char escape, struct instruction *instruction);
static struct error *read_health(const char *text, char escape, struct instruction *instruction);
static struct error *read_trigger(const char *text, char escape, struct instruction *instruction);

static const struct {
    const char *name;
    form_read read;
    bool takes_heredocs;
} keywords[KEYWORD_COUNT] = {
    [KEYWORD_ADD] = {"ADD", read_paths, true},
    [KEYWORD_ARG] = {"ARG", read_definitions, false},
    [KEYWORD_CMD] = {"CMD", read_command, false},
    [KEYWORD_COPY] = {"COPY", read_paths, true},
    [KEYWORD_ENTRYPOINT] = {"ENTRYPOINT", read_command, false},
    [KEYWORD_ENV] = {"ENV", read_assignments, false},
    [KEYWORD_EXPOSE] = {"EXPOSE", read_words, false},
    [KEYWORD_FROM] = {"FROM", read_words, false},
    [KEYWORD_HEALTHCHECK] = {"HEALTHCHECK", read_health, false},
    [KEYWORD_LABEL] = {"LABEL", read_assignments, false},
    [KEYWORD_MAINTAINER] = {"MAINTAINER", read_text, false},
    [KEYWORD_ONBUILD] = {"ONBUILD", read_trigger, false},
    [KEYWORD_RUN] = {"RUN", read_command, true},
    [KEYWORD_SHELL] = {"SHELL", read_command, false},
    [KEYWORD_STOPSIGNAL] = {"STOPSIGNAL", read_text, false},
    [KEYWORD_USER] = {"USER", read_text, false},
    [KEYWORD_VOLUME] = {"VOLUME", read_paths, false},
    [KEYWORD_WORKDIR] = {"WORKDIR", read_text, false},
};

const char *keyword_name(enum keyword keyword)
{
    return keywords[keyword].name;
}

/* Whether TEXT, which is not JSON for this program, would be without the NUL characters in it,
 * which no argument and no path can have. */
static bool has_nul(const char *text)
{
    CLEANUP(freep) char *copy = xstrdup(text);
    CLEANUP(json_freep) struct json *array = NULL;
    char *at = strstr(copy, "\\u0000");

    if (at == NULL)
        return false;
    for (; at != NULL; at = strstr(at, "\\u0000"))
        at[5] = '1';
    struct error *err = json_parse_lenient("array", copy, strlen(copy), &array);
    bool is_json = err == NULL;

    error_free(err);
    return is_json;
}

/* Reads TEXT as a JSON array of strings. *RET_IS_ONE: it is an array, and its elements were added
 * to the arguments. */
static struct error *read_json(const char *text, struct instruction *instruction, bool *ret_is_one)
{
    CLEANUP(json_freep) struct json *array = NULL;

    *ret_is_one = false;
    if (*text != '[')
        return NULL;
    CLEANUP(error_freep)
    struct error *err = json_parse_lenient("array", text, strlen(text), &array);

    if (err != NULL && has_nul(text))
        return error_new(EXIT_INPUT, "the JSON array has a NUL character");
    if (err != NULL)
        return NULL; /* a command of the shell may begin with a bracket */
    for (size_t i = 0; i < array->count; i++)
        if (array->items[i]->type != JSON_STRING)
            return error_new(EXIT_INPUT, "the JSON array has elements that are not strings");
    for (size_t i = 0; i < array->count; i++)
        strings_add(&instruction->arguments, array->items[i]->text);
    instruction->is_json = *ret_is_one = true;
    return NULL;
}

static struct error *read_text(const char *text, char escape, struct instruction *instruction)
{
    (void)escape;
    if (*text != '\0')
        strings_add(&instruction->arguments, text);
    return NULL;
}

static struct error *read_words(const char *text, char escape, struct instruction *instruction)
{
    (void)escape;
    instruction_words_plain(text, &instruction->arguments);
    return NULL;
}

static struct error *read_command(const char *text, char escape, struct instruction *instruction)
{
    bool is_json = false;

    TRY(read_json(text, instruction, &is_json));
    return is_json ? NULL : read_text(text, escape, instruction);
}

static struct error *read_paths(const char *text, char escape, struct instruction *instruction)
{
    bool is_json = false;

    TRY(read_json(text, instruction, &is_json));
    return is_json ? NULL : read_words(text, escape, instruction);
}

/* Adds ASSIGNMENT, whose texts are taken over. */
static void add_assignment(struct assignments *assignments, struct assignment assignment)
{
    assignments->items =
        xreallocarray(assignments->items, assignments->count + 1, sizeof *assignments->items);
    assignments->items[assignments->count++] = assignment;
}

/* Adds WORD, in which EQUALS is the first equals sign. */
static void add_pair(struct assignments *assignments, const char *word, const char *equals)
{
    add_assignment(assignments, (struct assignment){.name = xstrndup(word, (size_t)(equals - word)),
                                                    .value = xstrdup(equals + 1),
                                                    .has_equals = true});
}

/* `NAME VALUE`, in which VALUE is the rest of the line. */
static struct error *read_old_assignment(const char *text, struct instruction *instruction)
{
    size_t length = strcspn(text, BLANKS);

    if (text[length] == '\0')
        return error_advise(error_new(EXIT_INPUT, "'%.100s' has no value", text),
                            "write NAME=VALUE; an empty value is NAME=");
    add_assignment(&instruction->assignments,
                   (struct assignment){
                       .name = xstrndup(text, length),
                       .value = xstrdup(text + length + strspn(text + length, BLANKS)),
                   });
    return NULL;
}

static struct error *read_assignments(const char *text, char escape,
                                      struct instruction *instruction)
{
    CLEANUP(strings_free) struct strings words = {0};

    instruction_words_quoted(text, escape, &words);
    if (words.count > 0 && strchr(words.items[0], '=') == NULL)
        return read_old_assignment(text, instruction);
    for (size_t i = 0; i < words.count; i++) {
        const char *equals = strchr(words.items[i], '=');

        if (equals == NULL)
            return error_advise(error_new(EXIT_INPUT, "'%.100s' has no '='", words.items[i]),
                                "put a value with spaces in quotes: NAME=\"VALUE\"");
        add_pair(&instruction->assignments, words.items[i], equals);
    }
    return NULL;
}

static struct error *read_definitions(const char *text, char escape,
                                      struct instruction *instruction)
{
    CLEANUP(strings_free) struct strings words = {0};

    instruction_words_quoted(text, escape, &words);
    for (size_t i = 0; i < words.count; i++) {
        const char *equals = strchr(words.items[i], '=');

        if (equals != NULL)
            add_pair(&instruction->assignments, words.items[i], equals);
        else
            add_assignment(&instruction->assignments,
                           (struct assignment){.name = xstrdup(words.items[i])});
    }
    return NULL;
}

/* The first word, and a command in either form. */
static struct error *read_health(const char *text, char escape, struct instruction *instruction)
{
    size_t length = strcspn(text, BLANKS);

    if (length == 0)
        return NULL;
    strings_take(&instruction->arguments, xstrndup(text, length));
    return read_command(character_skip_space(text + length), escape, instruction);
}

static struct error *read_trigger(const char *text, char escape, struct instruction *instruction)
{
    if (*text == '\0')
        return NULL;
    instruction->trigger = xcalloc(1, sizeof *instruction->trigger);
    TRY(instruction_read(text, escape, instruction->trigger));
    enum keyword keyword = instruction->trigger->keyword;

    if (keyword == KEYWORD_ONBUILD || keyword == KEYWORD_FROM || keyword == KEYWORD_MAINTAINER)
        return error_new(EXIT_INPUT, "%s cannot be a trigger", keyword_name(keyword));
    return NULL;
}

/* Reads the keyword at LINE, of LENGTH bytes. */
static struct error *read_keyword(const char *line, size_t length, enum keyword *ret)
{
    CLEANUP(freep) char *word = xstrndup(line, length);

    for (enum keyword i = 0; i < KEYWORD_COUNT; i++)
        if (strcasecmp(word, keywords[i].name) == 0) {
            *ret = i;
            return NULL;
        }
    for (char *at = word; *at != '\0'; at++)
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    const char *nearest = nearest_word(word, &keywords->name, sizeof *keywords, KEYWORD_COUNT);
    struct error *err =
        error_new(EXIT_INPUT, "unknown instruction '%.*s'", length < 40 ? (int)length : 40, line);

    return nearest != NULL ? error_advise(err, "did you mean '%s'?", nearest) : err;
}

/* Finds the here-documents of INSTRUCTION, whose line is LINE. */
static struct error *find_heredocs(const char *line, struct instruction *instruction)
{
    if (!keywords[instruction->keyword].takes_heredocs || instruction->is_json ||
        strstr(line, "<<") == NULL)
        return NULL;
    return heredocs_find(line, &instruction->heredocs);
}

static struct error *read_into(const char *line, char escape, struct instruction *instruction)
{
    size_t length = strcspn(line, BLANKS);

    TRY(read_keyword(line, length, &instruction->keyword));
    const char *rest = instruction_words_flags(line + length, escape, &instruction->flags);
    CLEANUP(freep) char *text = character_trim(rest);
    struct error *err = keywords[instruction->keyword].read(text, escape, instruction);

    if (err == NULL)
        err = find_heredocs(line, instruction);
    return error_context(err, "%s", keyword_name(instruction->keyword));
}

struct error *instruction_read(const char *line, char escape, struct instruction *ret)
{
    struct instruction instruction = {.text = character_trim(line)};
    struct error *err = read_into(instruction.text, escape, &instruction);

    if (err != NULL)
        instruction_free(&instruction);
    else
        *ret = instruction;
    return err;
}

void instruction_free(struct instruction *instruction)
{
    if (instruction->trigger != NULL)
        instruction_free(instruction->trigger);
    free(instruction->trigger);
    free(instruction->text);
    free(instruction->comment);
    strings_free(&instruction->flags);
    strings_free(&instruction->arguments);
    for (size_t i = 0; i < instruction->assignments.count; i++) {
        free(instruction->assignments.items[i].name);
        free(instruction->assignments.items[i].value);
    }
    free(instruction->assignments.items);
    heredocs_free(&instruction->heredocs);
    *instruction = (struct instruction){0};
}
