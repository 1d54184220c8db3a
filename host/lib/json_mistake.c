#include "host/lib/json_mistake.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* U+FEFF in UTF-8 */

#define LITERALS "JSON has true, false and null, in lower case and without quotes"
#define OTHER_QUOTES "JSON has plain double quotes, \", around its keys and strings"

/* The document as far as it was looked at. */
struct scan {
    const char *text;
    size_t length;
    size_t at;
    size_t depth; /* of open containers, of which these are the outermost: */
    char open[64];
    bool after_word; /* the last token ended a value (or was a key) */
    size_t comma;    /* behind the last token, if that was a comma; else 0 */
    struct json_mistake *mistake;
};

/* Whether WORD begins at OFFSET. */
static bool is_at(const struct scan *scan, size_t offset, const char *word)
{
    size_t length = strlen(word);

    return scan->length >= offset && scan->length - offset >= length &&
           memcmp(scan->text + offset, word, length) == 0;
}

/* Notes the mistake and ends the scan. */
static bool found(struct scan *scan, size_t offset, const char *advice)
{
    *scan->mistake = (struct json_mistake){.advice = advice, .offset = offset};
    return false;
}

static bool is_one_of(char c, const char *bytes)
{
    return c != '\0' && strchr(bytes, c) != NULL;
}

/* Looks at the escape at the cursor, which is moved behind it. */
static bool scan_escape(struct scan *scan)
{
    char c = scan->at + 1 < scan->length ? scan->text[scan->at + 1] : '"';

    if (!is_one_of(c, "\"\\/bfnrtu"))
        return found(scan, scan->at, "write a backslash in a string as \\\\");
    scan->at += scan->length - scan->at < 2 ? 1 : 2;
    return true;
}

/* Looks at the string at the cursor. */
static bool scan_string(struct scan *scan)
{
    size_t start = scan->at++;

    while (scan->at < scan->length && scan->text[scan->at] != '"') {
        unsigned char c = (unsigned char)scan->text[scan->at];

        if (c == '\n' || c == '\r')
            return found(scan, scan->at,
                         "a string must be on one line: write \\n for the end of a line in it, or "
                         "put a script into a file, {\"file\": PATH}");
        if (c < ' ')
            return found(scan, scan->at,
                         c == '\t' ? "write a tab in a string as \\t"
                                   : "write a control character in a string as \\u and its number");
        if (c != '\\')
            scan->at++;
        else if (!scan_escape(scan))
            return false;
    }
    if (scan->at == scan->length)
        return found(scan, start, "a string lacks its closing quote");
    scan->at++;
    return true;
}

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || is_one_of(c, "_-+.$/@%");
}

/* Whether the LENGTH bytes at TEXT are WORD, in any case. */
static bool is_word(const char *text, size_t length, const char *word)
{
    for (size_t i = 0; i < length; i++)
        if (tolower((unsigned char)text[i]) != word[i]) /* which may be its end */
            return false;
    return word[length] == '\0';
}

/* Whether the word that ends at OFFSET is followed by a colon, so that it was meant as a key. */
static bool is_key(const struct scan *scan, size_t offset)
{
    while (offset < scan->length && (scan->text[offset] == ' ' || scan->text[offset] == '\t'))
        offset++;
    return offset < scan->length && (scan->text[offset] == ':' || scan->text[offset] == '=');
}

static const char *judge_number(const char *text, size_t length)
{
    size_t sign = *text == '-' || *text == '+';

    if (*text == '+')
        return "a number in JSON has no plus sign";
    if (length > sign + 1 && text[sign] == '0' && isalnum((unsigned char)text[sign + 1]))
        return "a number in JSON is decimal and does not begin with 0: a mode is a string, "
               "\"0755\"";
    if (memchr(text, '_', length) != NULL)
        return "a number in JSON has digits only";
    for (size_t i = sign; i < length; i++)
        if (isalpha((unsigned char)text[i]) && text[i] != 'e' && text[i] != 'E')
            return "a number in JSON has no unit; anything else needs quotes, as \"10G\"";
    return NULL;
}

/* Looks at a number, a literal, or a word that should be a string. */
static bool scan_word(struct scan *scan)
{
    static const char *const nearly[] = {"true", "false", "null", "none",      "yes",
                                         "no",   "on",    "off",  "undefined", "nil"};
    const char *text = scan->text + scan->at;
    size_t start = scan->at, length = 0;

    while (start + length < scan->length && is_word_byte(text[length]))
        length++;
    scan->at += length;
    if (isdigit((unsigned char)*text) || ((*text == '-' || *text == '+') && length > 1)) {
        const char *advice = judge_number(text, length);

        return advice == NULL || found(scan, start, advice);
    }
    if (is_at(scan, start, "true") || is_at(scan, start, "false") || is_at(scan, start, "null"))
        return length <= 5 || found(scan, start, OTHER_QUOTES);
    for (size_t i = 0; i < sizeof nearly / sizeof *nearly; i++)
        if (is_word(text, length, nearly[i]) && !is_key(scan, scan->at))
            return found(scan, start, LITERALS);
    return found(scan, start, OTHER_QUOTES);
}

/* Looks for what is in no JSON document but often typed: comments, other quotes and brackets. */
static bool scan_foreign(struct scan *scan)
{
    static const char *const quotes[] = {"'",
                                         "`",
                                         "\xe2\x80\x9c",
                                         "\xe2\x80\x9d",
                                         "\xe2\x80\x98",
                                         "\xe2\x80\x99",
                                         "\xe2\x80\x9e",
                                         "\xc2\xab"};

    if (scan->text[scan->at] == '#' || is_at(scan, scan->at, "//") || is_at(scan, scan->at, "/*"))
        return found(scan, scan->at, "JSON has no comments: leave them out");
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++)
        if (is_at(scan, scan->at, quotes[i]))
            return found(scan, scan->at, OTHER_QUOTES);
    if (is_at(scan, scan->at, "="))
        return found(scan, scan->at, "write a colon between a key and its value");
    if (is_at(scan, scan->at, ";"))
        return found(scan, scan->at, "write a comma between two members");
    if (is_at(scan, scan->at, "("))
        return found(scan, scan->at, "a list in JSON has square brackets");
    if (is_at(scan, scan->at, BYTE_ORDER_MARK))
        return found(scan, scan->at, "leave out the byte order mark, U+FEFF");
    return true;
}

/* Looks at the bracket, comma or colon at the cursor. */
static bool scan_mark(struct scan *scan, char c)
{
    bool closes = c == '}' || c == ']';

    if (closes && scan->comma > 0)
        return found(scan, scan->comma - 1, "leave out the comma after the last element");
    if (closes && scan->depth == 0)
        return found(scan, scan->at, "a closing bracket has no opening one");
    if (closes && scan->depth <= sizeof scan->open && scan->open[scan->depth - 1] != c)
        return found(scan, scan->at, "objects end with }, lists with ]");
    if (c == ',' && (scan->comma > 0 || !scan->after_word))
        return found(scan, scan->at, "leave out the comma, which follows no element");
    if ((c == '{' || c == '[') && scan->after_word)
        return found(scan, scan->at, "a comma is missing before this");
    if ((c == '{' || c == '[') && scan->depth < sizeof scan->open)
        scan->open[scan->depth] = c == '{' ? '}' : ']';
    if (c == '{' || c == '[')
        scan->depth++;
    else if (closes)
        scan->depth--;
    scan->after_word = closes;
    scan->at++;
    scan->comma = c == ',' ? scan->at : 0;
    return true;
}

/* Whether what precedes the cursor, but for blanks, is on the same line: then it was perhaps a
 * quote within a string that ended this. */
static bool is_on_line(const struct scan *scan)
{
    size_t before = scan->at;

    while (before > 0 && (scan->text[before - 1] == ' ' || scan->text[before - 1] == '\t'))
        before--;
    return before > 0 && scan->text[before - 1] == '"';
}

/* Looks at the token at the cursor. Returns whether it is worth going on. */
static bool scan_token(struct scan *scan)
{
    char c = scan->text[scan->at];

    if (is_one_of(c, "{}[],:"))
        return scan_mark(scan, c);
    if (scan->depth == 0 && scan->after_word)
        return found(scan, scan->at, "nothing may follow the end of the document");
    bool is_second = scan->after_word;

    if (is_second && c == '"')
        return found(scan, scan->at, "a comma or a colon is missing before this");
    if (is_second && is_on_line(scan) && is_word_byte(c))
        return found(scan, scan->at,
                     "write a quote in a string as \\\"; otherwise a comma is missing before this");
    scan->after_word = true;
    scan->comma = 0;
    if (c == '"')
        return scan_string(scan);
    if (!scan_foreign(scan))
        return false;
    if (is_second)
        return found(scan, scan->at, "a comma is missing before this");
    return is_word_byte(c) ? scan_word(scan) : found(scan, scan->at, OTHER_QUOTES);
}

/* Whether the first line that is neither blank nor a comment looks like YAML, TOML or INI, at the
 * cursor. */
static const char *judge_format(const struct scan *scan)
{
    const char *line = scan->text + scan->at;
    size_t length = 0, word = 0;

    while (scan->at + length < scan->length && line[length] != '\n')
        length++;
    while (word < length && (isalnum((unsigned char)line[word]) || line[word] == '_'))
        word++;
    size_t blanks = word;

    while (blanks < length && line[blanks] == ' ')
        blanks++;
    if (is_at(scan, scan->at, "---") || is_at(scan, scan->at, "- ") ||
        is_at(scan, scan->at, "%YAML") || (word > 0 && word < length && line[word] == ':'))
        return "this is YAML, not JSON, which begins with { and has \"key\": value, ...";
    if (word > 0 && blanks < length && line[blanks] == '=')
        return "this is not JSON, which begins with { and has \"key\": value, ...";
    if (is_at(scan, scan->at, "<"))
        return "this is not JSON, which begins with {";
    if (is_at(scan, scan->at, "FROM ") || is_at(scan, scan->at, "ARG "))
        return "this is a Dockerfile, not JSON: for FROM write \"fromImage\", for RUN "
               "\"runAsRoot\"";
    if (is_at(scan, scan->at, "\x1f\x8b") || is_at(scan, scan->at, "\x28\xb5\x2f\xfd") ||
        is_at(scan, scan->at, "PK") ||
        is_at(scan, scan->at,
              "\x7f"
              "ELF"))
        return "this is not a text file";
    return NULL;
}

static const char *judge_encoding(const struct scan *scan)
{
    if (is_at(scan, 0, "\xff\xfe") || is_at(scan, 0, "\xfe\xff") ||
        (scan->length > 1 && (scan->text[0] == '\0' || scan->text[1] == '\0')))
        return "save the file in UTF-8: it seems to be in UTF-16";
    if (is_at(scan, 0, BYTE_ORDER_MARK))
        return "save the file without a byte order mark";
    return NULL;
}

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->length && is_one_of(scan->text[scan->at], " \t\r\n"))
        scan->at++;
}

void json_mistake_find(const char *text, size_t length, struct json_mistake *ret)
{
    struct scan scan = {.text = text, .length = length, .mistake = ret};

    *ret = (struct json_mistake){.advice = judge_encoding(&scan)};
    if (ret->advice != NULL)
        return;
    skip_blanks(&scan);
    while (scan.at < length && text[scan.at] == '#') { /* as YAML and Dockerfiles begin */
        while (scan.at < length && text[scan.at] != '\n')
            scan.at++;
        skip_blanks(&scan);
    }
    if (scan.at == length) {
        ret->advice = "the file is empty";
        return;
    }
    ret->offset = scan.at;
    ret->advice = judge_format(&scan);
    scan.at = 0;
    while (ret->advice == NULL) {
        skip_blanks(&scan);
        if (scan.at == length || !scan_token(&scan))
            break;
    }
    while (length > 0 && is_one_of(text[length - 1], " \t\r\n"))
        length--;
    if (ret->advice == NULL && scan.depth > 0)
        *ret = (struct json_mistake){.advice = "a closing bracket, } or ], is missing at the end",
                                     .offset = length};
}
