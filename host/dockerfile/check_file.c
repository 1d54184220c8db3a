#include "host/dockerfile/check_file.h"

#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* The keyword of INSTRUCTION as it is written; the caller's. */
static char *written(const struct instruction *instruction)
{
    return xstrndup(instruction->text, strlen(keyword_name(instruction->keyword)));
}

static bool has_lower(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'a' && *text <= 'z')
            return true;
    return false;
}

static bool has_upper(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            return true;
    return false;
}

/* Whether more of the keywords of stages are in small letters than in capitals. */
static bool is_mostly_lower(const struct stages *stages)
{
    size_t lower = 0, upper = 0;

    for (size_t i = 0; i < stages->count; i++)
        for (size_t j = 0; j <= stages->items[i].count; j++) {
            CLEANUP(freep) char *word = written(&stages->items[i].from[j]);

            lower += !has_upper(word);
            upper += !has_lower(word);
        }
    return lower > upper;
}

static void check_casing(const struct instruction *instruction, bool is_lower, struct check *check)
{
    CLEANUP(freep) char *word = written(instruction);

    if (is_lower ? has_upper(word) : has_lower(word))
        check_warn(check, CHECK_CONSISTENT_INSTRUCTION_CASING, instruction->first_line,
                   "'%s' is not in %s, as most instructions are", word,
                   is_lower ? "small letters" : "capitals");
}

/* Judges "AS" of INSTRUCTION, a FROM with a name. */
static void check_as(const struct instruction *instruction, struct check *check)
{
    CLEANUP(freep) char *word = written(instruction);
    const char *as = instruction->arguments.items[1];
    bool is_mixed = has_upper(word) && has_lower(word);

    if (!is_mixed && (has_lower(word) ? has_upper(as) : has_lower(as)))
        check_warn(check, CHECK_FROM_AS_CASING, instruction->first_line,
                   "'%s' and '%s' are not written alike", word, as);
}

static void check_stage_name(const struct stages *stages, size_t index, struct check *check)
{
    const struct stage *stage = &stages->items[index];
    unsigned int line = stage->from->first_line;

    if (stage->name == NULL)
        return;
    check_as(stage->from, check);
    if (has_upper(stage->from->arguments.items[2]))
        check_warn(check, CHECK_STAGE_NAME_CASING, line,
                   "the stage's name '%s' should be in small letters",
                   stage->from->arguments.items[2]);
    if (strcmp(stage->name, "scratch") == 0 || strcmp(stage->name, "context") == 0)
        check_warn(check, CHECK_RESERVED_STAGE_NAME, line,
                   "'%s' has a meaning of its own and should not name a stage", stage->name);
    if (stages_find(stages, stage->name, index) != STAGE_NONE)
        check_warn(check, CHECK_DUPLICATE_STAGE_NAME, line, "an earlier stage is called '%s', too",
                   stage->name);
}

/* Whether WORD, of LENGTH bytes, is one of WORDS, which end with NULL. */
static bool is_among(const char *word, size_t length, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strlen(*words) == length && strncasecmp(*words, word, length) == 0)
            return true;
    return false;
}

/* Whether NAME is that of a secret, by one of the words in it. */
static bool is_secret(const char *name)
{
    static const char *const secrets[] = {"apikey", "auth",   "credential", "credentials",
                                          "key",    "passwd", "password",   "pword",
                                          "secret", "token",  NULL};
    static const char *const harmless[] = {"file", "public", "version", NULL};
    bool is_one = false;

    for (const char *at = name; *at != '\0';) {
        size_t length = strcspn(at, "_");

        if (is_among(at, length, harmless))
            return false;
        is_one = is_one || is_among(at, length, secrets);
        at += length + (at[length] == '_' ? 1 : 0);
    }
    return is_one;
}

static void check_assignments(const struct instruction *instruction, struct check *check)
{
    const char *keyword = keyword_name(instruction->keyword);

    for (size_t i = 0; i < instruction->assignments.count; i++) {
        const struct assignment *assignment = &instruction->assignments.items[i];

        if (instruction->keyword != KEYWORD_ARG && !assignment->has_equals)
            check_warn(check, CHECK_LEGACY_KEY_VALUE_FORMAT, instruction->first_line,
                       "write %s %s=VALUE, with an equals sign", keyword, assignment->name);
        if (instruction->keyword != KEYWORD_LABEL && is_secret(assignment->name))
            check_warn(check, CHECK_SECRETS_USED_IN_ARG_OR_ENV, instruction->first_line,
                       "%s keeps '%s' in the image: use RUN --mount=type=secret", keyword,
                       assignment->name);
    }
}

/* Judges the comment above INSTRUCTION, if there is one, as the description of COUNT NAMES. */
static void check_description(const struct instruction *instruction, const char *const *names,
                              size_t count, struct check *check)
{
    if (instruction->comment == NULL || count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);

        if (strncmp(instruction->comment, names[i], length) == 0 &&
            (instruction->comment[length] == '\0' || instruction->comment[length] == ' '))
            return;
    }
    check_warn(check, CHECK_INVALID_DEFINITION_DESCRIPTION, instruction->first_line,
               "the comment above should be '# %s DESCRIPTION', or have an empty line behind it",
               count > 1 ? "NAME" : names[0]);
}

static void check_definitions(const struct instruction *instruction, struct check *check)
{
    size_t count = instruction->assignments.count;
    CLEANUP(freep) const char **names = xcalloc(count + 1, sizeof *names);

    for (size_t i = 0; i < count; i++)
        names[i] = instruction->assignments.items[i].name;
    check_description(instruction, names, count, check);
}

/* Warns about INSTRUCTION if a later one of STAGE takes its place. */
static void check_repetition(const struct stage *stage, const struct instruction *instruction,
                             struct check *check)
{
    const struct instruction *end = stage->instructions + stage->count;

    for (const struct instruction *other = instruction + 1; other < end; other++) {
        if (other->keyword != instruction->keyword)
            continue;
        check_warn(check, CHECK_MULTIPLE_INSTRUCTIONS_DISALLOWED, instruction->first_line,
                   "the stage has another %s, which takes the place of this one",
                   keyword_name(instruction->keyword));
        return;
    }
}

static void check_instruction(const struct stage *stage, const struct instruction *instruction,
                              struct check *check)
{
    switch (instruction->keyword) {
    case KEYWORD_ARG:
        check_definitions(instruction, check);
        check_assignments(instruction, check);
        return;
    case KEYWORD_ENV:
    case KEYWORD_LABEL:
        check_assignments(instruction, check);
        return;
    case KEYWORD_CMD:
    case KEYWORD_ENTRYPOINT:
    case KEYWORD_HEALTHCHECK:
        check_repetition(stage, instruction, check);
        return;
    case KEYWORD_MAINTAINER:
        check_warn(check, CHECK_MAINTAINER_DEPRECATED, instruction->first_line,
                   "write LABEL org.opencontainers.image.authors=\"%s\"",
                   instruction->arguments.items[0]);
        return;
    default:
        return;
    }
}

static void check_stage(const struct stages *stages, size_t index, bool is_lower,
                        struct check *check)
{
    const struct stage *stage = &stages->items[index];

    check_stage_name(stages, index, check);
    if (stage->name != NULL)
        check_description(stage->from, (const char *const[]){stage->name}, 1, check);
    check_casing(stage->from, is_lower, check);
    for (size_t i = 0; i < stage->count; i++) {
        check_casing(&stage->instructions[i], is_lower, check);
        check_instruction(stage, &stage->instructions[i], check);
    }
}

void check_file(const struct dockerfile *file, const struct stages *stages, struct check *check)
{
    bool is_lower = is_mostly_lower(stages);

    for (size_t i = 0; i < file->count; i++)
        if (file->instructions[i].has_gap)
            check_warn(check, CHECK_NO_EMPTY_CONTINUATION, file->instructions[i].first_line,
                       "an empty line is between those of the instruction");
    for (size_t i = 0; i < stages->definition_count; i++)
        check_definitions(&stages->definitions[i], check);
    for (size_t i = 0; i < stages->count; i++)
        check_stage(stages, i, is_lower, check);
}
