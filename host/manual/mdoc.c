#include "host/manual/mdoc.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "host/lib/cleanup.h"

#define LINE_LENGTH 78

#define OPENING "(["
#define CLOSING ".,:;)]?!"

/* A byte of literal text so that it is shown as it is. */
static void append_literal_byte(char c, struct buffer *out)
{
    static const struct {
        char byte;
        const char *escape;
    } escapes[] = {
        {'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"}, {'"', "\\(dq"},
        {'`', "\\(ga"}, {'^', "\\(ha"}, {'~', "\\(ti"},
    };

    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        if (escapes[i].byte != c)
            continue;
        buffer_printf(out, "%s", escapes[i].escape);
        return;
    }
    buffer_append(out, &c, 1);
}

/* Whether a macro line could take WORD for more than an argument: a delimiter, or the name of a
 * macro, which is two or three letters. */
static bool is_special(const char *word, size_t length)
{
    return length == 1 ? strchr(OPENING CLOSING "|", *word) != NULL
                       : length <= 3 && isupper((unsigned char)*word);
}

void mdoc_argument(const char *word, size_t length, struct buffer *out)
{
    bool quoted = memchr(word, ' ', length) != NULL;

    buffer_printf(out, "%s%s", quoted ? "\"" : "", is_special(word, length) ? "\\&" : "");
    for (size_t i = 0; i < length; i++)
        append_literal_byte(word[i], out);
    buffer_printf(out, "%s%s", strchr(CLOSING, word[length - 1]) != NULL ? "\\&" : "",
                  quoted ? "\"" : "");
}

/* Whether the LENGTH bytes at TEXT are all of SET or letters and digits. */
static bool consists_of(const char *text, size_t length, const char *set)
{
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && strchr(set, text[i]) == NULL)
            return false;
    return true;
}

static bool is_variable(const char *text, size_t length)
{
    bool underscore = false;

    for (size_t i = 0; i < length; i++) {
        if (!isupper((unsigned char)text[i]) && text[i] != '_')
            return false;
        underscore = underscore || text[i] == '_';
    }
    return underscore;
}

/* Appends the macro that sets the literal, and the literal as its argument. */
static void append_macro(const char *text, size_t length, struct buffer *out)
{
    const char *open = memchr(text, '(', length);

    if (open != NULL && open + 3 == text + length && isdigit((unsigned char)open[1]) &&
        open[2] == ')') {
        buffer_printf(out, "Xr %.*s %c", (int)(open - text), text, open[1]);
        return;
    }
    if (*text == '-' && length > 1 && memchr(text, ' ', length) == NULL) {
        buffer_printf(out, "Fl ");
        text++, length--;
    } else if (*text == '$' && consists_of(text + 1, length - 1, "_")) {
        buffer_printf(out, "Ev ");
        text++, length--;
    } else if (is_variable(text, length)) {
        buffer_printf(out, "Ev ");
    } else if ((*text == '/' || *text == '~') && memchr(text, ' ', length) == NULL) {
        buffer_printf(out, "Pa ");
    } else if (length > 1 && consists_of(text, length, "")) {
        buffer_printf(out, "Cm ");
    } else {
        buffer_printf(out, "Ql ");
    }
    mdoc_argument(text, length, out);
}

/* The length of the word at TEXT: up to a blank outside of backquotes. */
static size_t word_length(const char *text)
{
    bool literal = false;
    size_t length = 0;

    for (; text[length] != '\0' && (literal || strchr(" \n", text[length]) == NULL); length++)
        literal = literal != (text[length] == '`');
    return length;
}

/* Appends a word that has a literal as a macro line: what stands around the literal is delimiters,
 * or text that is joined to it. */
static void append_literal_word(const char *word, size_t length, struct buffer *out)
{
    const char *start = memchr(word, '`', length);
    const char *end = memchr(start + 1, '`', length - (size_t)(start + 1 - word));
    const char *after = end + 1;
    bool opening = strspn(word, OPENING) >= (size_t)(start - word);

    buffer_printf(out, ".");
    if (start > word && !opening) {
        buffer_printf(out, "No ");
        mdoc_argument(word, (size_t)(start - word), out);
        buffer_printf(out, " Ns ");
    }
    if (start > word && opening) /* the macro has to come first */
        buffer_printf(out, "No %.*s ", (int)(start - word), word);
    append_macro(start + 1, (size_t)(end - start - 1), out);
    if (after < word + length && strchr(CLOSING, *after) == NULL) {
        size_t rest = strcspn(after, CLOSING);

        rest = rest < (size_t)(word + length - after) ? rest : (size_t)(word + length - after);
        buffer_printf(out, " Ns ");
        mdoc_argument(after, rest, out);
        after += rest;
    }
    for (; after < word + length; after++)
        buffer_printf(out, " %c", *after);
    buffer_printf(out, "\n");
}

/* Appends a word of plain text to LINE, which is written to OUT first if it would be too long. */
static void append_plain_word(const char *word, size_t length, struct buffer *line,
                              struct buffer *out)
{
    if (line->length > 0 && line->length + 1 + length > LINE_LENGTH) {
        buffer_printf(out, "%s\n", line->data);
        line->length = 0;
    }
    if (line->length > 0)
        buffer_printf(line, " ");
    else if (*word == '.' || *word == '\'')
        buffer_printf(line, "\\&");
    for (size_t i = 0; i < length; i++)
        if (word[i] == '\\')
            buffer_printf(line, "\\e");
        else
            buffer_append(line, &word[i], 1);
}

static void end_line(struct buffer *line, struct buffer *out)
{
    if (line->length > 0)
        buffer_printf(out, "%s\n", line->data);
    line->length = 0;
}

static bool ends_sentence(const char *word, size_t length)
{
    while (length > 1 && strchr(")'\"", word[length - 1]) != NULL)
        length--;
    return strchr(".?!", word[length - 1]) != NULL;
}

void mdoc_text(const char *text, struct buffer *out)
{
    CLEANUP(buffer_free) struct buffer line = {0};

    while (*text != '\0') {
        size_t length = word_length(text);

        if (length > 0 && memchr(text, '`', length) != NULL) {
            end_line(&line, out);
            append_literal_word(text, length, out);
        } else if (length > 0) {
            append_plain_word(text, length, &line, out);
            if (ends_sentence(text, length))
                end_line(&line, out);
        }
        text += length;
        if (strncmp(text, "\n\n", 2) == 0) {
            end_line(&line, out);
            buffer_printf(out, ".Pp\n");
        }
        text += strspn(text, " \n");
    }
    end_line(&line, out);
}
