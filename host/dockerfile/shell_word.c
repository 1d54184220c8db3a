#include "host/dockerfile/shell_word.h"

#include <stdlib.h>
#include <string.h>

#include "host/dockerfile/shell_pattern.h"
#include "host/lib/character.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* What a text is taken apart with. */
struct lexer {
    const char *at;
    const struct shell_rules *rules;
    const struct shell_variables *variables;
    struct strings *unset; /* or NULL */
    unsigned int depth;
    bool keep_escapes;
};

/* What has come of it. */
struct output {
    struct buffer text;
    struct buffer word;
    struct strings *words; /* or NULL: they are not wanted */
};

static struct error *expand_dollar(struct lexer *lexer, struct buffer *out);

static void output_free(struct output *output)
{
    buffer_free(&output->text);
    buffer_free(&output->word);
}

static struct error *refuse(const char *cause)
{
    return error_new(EXIT_INPUT, "%s", cause);
}

static void end_word(struct output *output)
{
    if (output->words != NULL && output->word.length > 0)
        strings_take(output->words, buffer_steal(&output->word));
}

/* Adds LENGTH bytes, of which white space belongs to a word. */
static void put(struct output *output, const char *bytes, size_t length)
{
    buffer_append(&output->text, bytes, length);
    if (output->words != NULL)
        buffer_append(&output->word, bytes, length);
}

/* Adds LENGTH bytes, of which white space ends words. */
static void put_split(struct output *output, const char *bytes, size_t length)
{
    size_t step = 0;

    buffer_append(&output->text, bytes, length);
    if (output->words == NULL || length == 0)
        return;
    for (const char *at = bytes; at < bytes + length; at += step)
        if (character_is_space(character_at(at, &step)))
            end_word(output);
        else
            buffer_append(&output->word, at, step);
}

/* Moves past the next character and appends it to OUT, if any. */
static void copy_character(struct lexer *lexer, struct buffer *out)
{
    size_t length = 0;

    character_at(lexer->at, &length);
    buffer_append(out, lexer->at, length);
    lexer->at += length;
}

/* Everything up to the next single quote is as it stands. */
static struct error *read_single_quotes(struct lexer *lexer, struct buffer *out)
{
    const char *end = strchr(lexer->at + 1, '\'');

    if (end == NULL)
        return refuse("a single quote has no counterpart");
    if (lexer->rules->keep_quotes)
        buffer_append(out, lexer->at, (size_t)(end + 1 - lexer->at));
    else
        buffer_append(out, lexer->at + 1, (size_t)(end - lexer->at - 1));
    lexer->at = end + 1;
    return NULL;
}

/* Reads the escape character in double quotes, which makes only some characters ordinary. */
static void read_quoted_escape(struct lexer *lexer, struct buffer *out)
{
    char escape = *lexer->at++;

    if (lexer->keep_escapes)
        buffer_append(out, &escape, 1);
    if (*lexer->at == '"' || *lexer->at == '$' || *lexer->at == escape)
        copy_character(lexer, out);
    else if (*lexer->at != '\0')
        buffer_append(out, &escape, 1);
}

static struct error *read_double_quotes(struct lexer *lexer, struct buffer *out)
{
    size_t quote = lexer->rules->keep_quotes ? 1 : 0;

    buffer_append(out, lexer->at++, quote);
    while (*lexer->at != '"') {
        if (*lexer->at == '\0')
            return refuse("a double quote has no counterpart");
        if (*lexer->at == '$')
            TRY(expand_dollar(lexer, out));
        else if (*lexer->at == lexer->rules->escape)
            read_quoted_escape(lexer, out);
        else
            copy_character(lexer, out);
    }
    buffer_append(out, lexer->at++, quote);
    return NULL;
}

/* Reads the escape character outside of quotes. At the end of the text it counts as nothing. */
static void read_escape(struct lexer *lexer, struct buffer *out)
{
    if (lexer->keep_escapes)
        buffer_append(out, lexer->at, 1);
    lexer->at++;
    copy_character(lexer, out);
}

/* Reads '<', and, if there are two, the white space behind them, so that "<< EOF" is one word. */
static void read_less(struct lexer *lexer, struct buffer *out)
{
    copy_character(lexer, out);
    if (*lexer->at != '<')
        return;
    copy_character(lexer, out);
    size_t blanks = strspn(lexer->at, " \t\r");

    buffer_append(out, lexer->at, blanks);
    lexer->at += blanks;
}

/* Reads what begins with a character that means something, into OUT. *RET_IS_SPLIT: white space in
 * it ends words. */
static struct error *read_special(struct lexer *lexer, struct buffer *out, bool *ret_is_split)
{
    *ret_is_split = *lexer->at == '$';
    if (*lexer->at == '$')
        return expand_dollar(lexer, out);
    if (*lexer->at == '\'' && !lexer->rules->ignore_quotes)
        return read_single_quotes(lexer, out);
    if (*lexer->at == '"' && !lexer->rules->ignore_quotes)
        return read_double_quotes(lexer, out);
    if (*lexer->at == '<') {
        read_less(lexer, out);
    } else if (*lexer->at == lexer->rules->escape) {
        read_escape(lexer, out);
    } else {
        *ret_is_split = true;
        copy_character(lexer, out);
    }
    return NULL;
}

/* Reads up to STOP, which is passed as well, or to the end of the text if STOP is NUL. A STOP that
 * is missing is no error here: the caller finds the end of the text. */
static struct error *read_until(struct lexer *lexer, char stop, struct output *output)
{
    while (*lexer->at != '\0' && *lexer->at != stop) {
        CLEANUP(buffer_free) struct buffer piece = {0};
        bool is_split = false;

        TRY(read_special(lexer, &piece, &is_split));
        if (piece.length > SHELL_WORD_MAX - output->text.length)
            return error_new(EXIT_INPUT, "with the values of its variables it has more than %u MiB",
                             SHELL_WORD_MAX >> 20);
        (is_split ? put_split : put)(output, piece.data, piece.length);
    }
    end_word(output);
    return NULL;
}

/* Reads up to STOP, and passes it. KEEP_ESCAPES: for a pattern. *RET is the caller's. */
static struct error *read_part(struct lexer *lexer, char stop, bool keep_escapes, char **ret)
{
    CLEANUP(output_free) struct output output = {0};
    bool kept = lexer->keep_escapes;

    lexer->keep_escapes = keep_escapes;
    TRY(read_until(lexer, stop, &output));
    lexer->keep_escapes = kept;
    if (*lexer->at != stop)
        return error_new(EXIT_INPUT, "'%c' of a substitution is missing", stop);
    lexer->at++;
    *ret = buffer_steal(&output.text);
    return NULL;
}

/* Reads the name of a variable: digits, one of the shell's special parameters, or a name. Returns
 * it, empty if there is none; the caller's. */
static char *read_name(struct lexer *lexer)
{
    const char *start = lexer->at;
    size_t length = strspn(start, "0123456789"), step = 0;

    if (length == 0 && *start != '\0' && strchr("@*#?-$!", *start) != NULL)
        length = 1;
    else if (length == 0)
        while (character_is_of_name(character_at(start + length, &step)))
            length += step;
    lexer->at += length;
    return xstrndup(start, length);
}

/* Returns the value of NAME, NULL if it is unset. */
static const char *value_of(struct lexer *lexer, const char *name)
{
    const struct shell_variables *variables = lexer->variables;
    const char *value = variables->get != NULL ? variables->get(variables->context, name) : NULL;

    if (value == NULL && lexer->unset != NULL && !strings_contain(lexer->unset, name))
        strings_add(lexer->unset, name);
    return value;
}

/* Appends the value of NAME, which stands in the text between BEFORE and AFTER. */
static void put_value(struct lexer *lexer, const char *name, const char *before, const char *after,
                      struct buffer *out)
{
    const char *value = value_of(lexer, name);

    if (value != NULL)
        buffer_append(out, value, strlen(value));
    else if (lexer->rules->keep_unset)
        buffer_printf(out, "$%s%s%s", before, name, after);
}

static struct error *require(const char *name, const char *value, bool is_empty_unset,
                             const char *word)
{
    if (value == NULL)
        return error_new(EXIT_INPUT, "%s: %s", name, *word != '\0' ? word : "must be set");
    if (is_empty_unset && *value == '\0')
        return error_new(EXIT_INPUT, "%s: %s", name, *word != '\0' ? word : "must not be empty");
    return NULL;
}

/* ${NAME-WORD} and its kin: KIND is one of "-+?". */
static struct error *choose(const char *name, char kind, bool is_empty_unset, const char *word,
                            const char *value, struct buffer *out)
{
    bool is_unset = value == NULL || (is_empty_unset && *value == '\0');

    if (kind == '?')
        TRY(require(name, value, is_empty_unset, word));
    const char *chosen = kind == '-' && is_unset ? word
                         : kind != '+'           ? value
                         : is_unset              ? ""
                                                 : word;

    if (chosen != NULL)
        buffer_append(out, chosen, strlen(chosen));
    return NULL;
}

/* ${NAME#P} and its kin. */
static struct error *remove_piece(char kind, const char *pattern, const char *value,
                                  struct buffer *out)
{
    CLEANUP(freep) char *rest = NULL;
    bool is_longest = *pattern == kind;

    TRY(shell_pattern_remove(pattern + (is_longest ? 1 : 0), value != NULL ? value : "",
                             kind == '%', is_longest, &rest));
    buffer_append(out, rest, strlen(rest));
    return NULL;
}

/* Reads what follows "${NAME" and its modifier: KIND, behind a colon or not. */
static struct error *expand_word(struct lexer *lexer, const char *name, bool has_colon,
                                 struct buffer *out)
{
    char kind = *lexer->at;
    bool is_pattern = kind == '#' || kind == '%';
    CLEANUP(freep) char *word = NULL;
    size_t length = 0;

    character_at(lexer->at, &length);
    if (kind == '\0')
        return refuse("'}' of a substitution is missing");
    if (strchr("-+?#%", kind) == NULL || (has_colon && is_pattern))
        return error_new(EXIT_INPUT, "'%s%.*s' is not a substitution's modifier",
                         has_colon ? ":" : "", (int)length, lexer->at);
    lexer->at++;
    TRY(read_part(lexer, '}', is_pattern, &word));
    const char *value = value_of(lexer, name);

    if (value == NULL && lexer->rules->keep_unset) {
        buffer_printf(out, "${%s%s%c%s}", name, has_colon ? ":" : "", kind, word);
        return NULL;
    }
    return is_pattern ? remove_piece(kind, word, value, out)
                      : choose(name, kind, has_colon, word, value, out);
}

/* Reads what follows "${NAME/". */
static struct error *expand_replacement(struct lexer *lexer, const char *name, struct buffer *out)
{
    CLEANUP(freep) char *pattern = NULL;
    CLEANUP(freep) char *text = NULL;
    CLEANUP(freep) char *replaced = NULL;
    bool is_each = *lexer->at == '/';

    lexer->at += is_each ? 1 : 0;
    TRY(read_part(lexer, '/', true, &pattern));
    TRY(read_part(lexer, '}', true, &text));
    const char *value = value_of(lexer, name);

    if (value == NULL && lexer->rules->keep_unset) {
        buffer_printf(out, "${%s/%s%s/%s}", name, is_each ? "/" : "", pattern, text);
        return NULL;
    }
    TRY(shell_pattern_replace(pattern, text, value != NULL ? value : "", is_each, &replaced));
    buffer_append(out, replaced, strlen(replaced));
    return NULL;
}

/* Reads what follows "${". */
static struct error *expand_braces(struct lexer *lexer, struct buffer *out)
{
    if (*lexer->at == '\0')
        return refuse("'}' of a substitution is missing");
    if (strchr("{}:", *lexer->at) != NULL)
        return error_new(EXIT_INPUT, "'${%c' is not a substitution", *lexer->at);
    CLEANUP(freep) char *name = read_name(lexer);

    switch (*lexer->at) {
    case '}':
        lexer->at++;
        put_value(lexer, name, "{", "}", out);
        return NULL;
    case '/':
        lexer->at++;
        return expand_replacement(lexer, name, out);
    case ':':
        lexer->at++;
        return expand_word(lexer, name, true, out);
    default:
        return expand_word(lexer, name, false, out);
    }
}

static struct error *expand_dollar(struct lexer *lexer, struct buffer *out)
{
    lexer->at++;
    if (*lexer->at == '{') {
        if (lexer->depth == SHELL_WORD_DEPTH_MAX)
            return error_new(EXIT_INPUT, "more than %d substitutions in one another",
                             SHELL_WORD_DEPTH_MAX);
        lexer->at++;
        lexer->depth++;
        TRY(expand_braces(lexer, out));
        lexer->depth--;
        return NULL;
    }
    CLEANUP(freep) char *name = read_name(lexer);

    if (*name == '\0')
        buffer_append(out, "$", 1);
    else
        put_value(lexer, name, "", "", out);
    return NULL;
}

static struct error *read_all(const char *text, const struct shell_rules *rules,
                              const struct shell_variables *variables, struct strings *unset,
                              struct output *output)
{
    struct lexer lexer = {
        .at = text,
        .rules = rules,
        .variables = variables,
        .unset = unset,
        .keep_escapes = rules->keep_escapes,
    };

    return read_until(&lexer, '\0', output);
}

struct error *shell_word_expand(const char *text, const struct shell_rules *rules,
                                const struct shell_variables *variables, struct strings *unset,
                                char **ret)
{
    CLEANUP(output_free) struct output output = {0};

    TRY(read_all(text, rules, variables, unset, &output));
    *ret = buffer_steal(&output.text);
    return NULL;
}

struct error *shell_word_split(const char *text, const struct shell_rules *rules,
                               const struct shell_variables *variables, struct strings *ret)
{
    CLEANUP(output_free) struct output output = {.words = ret};

    return read_all(text, rules, variables, NULL, &output);
}
