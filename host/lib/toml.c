#include "host/lib/toml.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/utf8.h"

#define BARE_KEY "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define DIGITS "0123456789"

/* A document being read. Of the tree's tables and arrays, `line` is not 0 if they were defined, and
 * not just implied by a longer name; `column` is not 0 if nothing may be added: they were written
 * as values. */
struct reader {
    const char *at; /* ended by a NUL, and without one before */
    unsigned int line, depth;
    struct json *root;
};

static struct error *refuse(const struct reader *reader, const char *cause)
{
    return error_new(EXIT_INPUT, "line %u: %s", reader->line, cause);
}

static void skip_space(struct reader *reader)
{
    reader->at += strspn(reader->at, " \t");
}

/* Skips a line end, if there is one. Returns whether there was. */
static bool skip_line_end(struct reader *reader)
{
    size_t length = *reader->at == '\r' ? 1 : 0;

    if (reader->at[length] != '\n')
        return false;
    reader->at += length + 1;
    reader->line++;
    return true;
}

static void skip_comment(struct reader *reader)
{
    if (*reader->at == '#')
        while (*reader->at != '\0' && *reader->at != '\n' && strncmp(reader->at, "\r\n", 2) != 0)
            reader->at++;
}

/* Skips spaces, comments and line ends. */
static void skip_lines(struct reader *reader)
{
    do {
        skip_space(reader);
        skip_comment(reader);
    } while (skip_line_end(reader));
}

/* Appends the character CODE as UTF-8. Returns false if there is none, or it is NUL. */
static bool append_character(struct buffer *out, unsigned long code)
{
    unsigned char bytes[4];
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

    if (code == 0 || code > 0x10ffff)
        return false;
    for (size_t i = length; i > 1; i--, code >>= 6)
        bytes[i - 1] = (unsigned char)(0x80 | (code & 0x3f));
    bytes[0] = (unsigned char)(first[length] | code);
    buffer_append(out, bytes, length);
    return utf8_is_valid((const char *)bytes, length);
}

/* Reads what follows a backslash. */
static struct error *read_escape(struct reader *reader, struct buffer *out)
{
    static const char letters[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
    char letter = *reader->at;
    size_t digits = letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;

    if (found != NULL) {
        buffer_append(out, &meanings[found - letters], 1);
        reader->at++;
        return NULL;
    }
    if (digits == 0 || strspn(reader->at + 1, DIGITS "abcdefABCDEF") < digits)
        return refuse(reader, "unknown escape in a string");
    CLEANUP(freep) char *text = xstrndup(reader->at + 1, digits);

    if (!append_character(out, strtoul(text, NULL, 16)))
        return refuse(reader, "an escape is not a character");
    reader->at += 1 + digits;
    return NULL;
}

/* Skips a backslash at the end of a line, with the space that follows. Returns false if there is
 * none. */
static bool skip_folded_line(struct reader *reader)
{
    if (*reader->at != '\\')
        return false;
    const char *at = reader->at + 1 + strspn(reader->at + 1, " \t");

    if (*at != '\n' && strncmp(at, "\r\n", 2) != 0)
        return false;
    reader->at = at;
    do
        skip_space(reader);
    while (skip_line_end(reader));
    return true;
}

/* Reads a string at its first quote. *RET is the caller's. */
static struct error *read_string(struct reader *reader, char **ret)
{
    CLEANUP(buffer_free) struct buffer out = {0};
    char quote = *reader->at;
    bool is_literal = quote == '\'';
    bool is_long = reader->at[1] == quote && reader->at[2] == quote;

    reader->at += is_long ? 3 : 1;
    if (is_long)
        skip_line_end(reader);
    for (;;) {
        const char *at = reader->at;

        /* Up to two quotes may stand before the three that end a long string. */
        if (*at == quote && (!is_long || (at[1] == quote && at[2] == quote && at[3] != quote)))
            break;
        if (is_long && !is_literal && skip_folded_line(reader))
            continue;
        if (is_long && skip_line_end(reader)) {
            buffer_append(&out, "\n", 1);
            continue;
        }
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
            return refuse(reader, "unterminated string, or a control character in it");
        reader->at++;
        if (*at == '\\' && !is_literal)
            TRY(read_escape(reader, &out));
        else
            buffer_append(&out, at, 1);
    }
    reader->at += is_long ? 3 : 1;
    buffer_append(&out, "", 0);
    *ret = out.data != NULL ? buffer_steal(&out) : xstrdup("");
    return NULL;
}

/* Reads one part of a key. *RET is the caller's. */
static struct error *read_key(struct reader *reader, char **ret)
{
    size_t length = strspn(reader->at, BARE_KEY);

    if (*reader->at == '"' || *reader->at == '\'') {
        if (reader->at[1] == *reader->at && reader->at[2] == *reader->at)
            return refuse(reader, "a key must be on one line");
        return read_string(reader, ret);
    }
    if (length == 0)
        return refuse(reader, "a key is missing");
    *ret = xstrndup(reader->at, length);
    reader->at += length;
    return NULL;
}

static struct json *new_value(const struct reader *reader, enum json_type type, bool is_complete)
{
    struct json *value = json_new(type);

    value->line = reader->line;
    value->column = is_complete ? 1 : 0;
    return value;
}

/* Goes from TABLE to its table KEY, which is made if there is none. DEFINED: a table that is made
 * is defined thereby. Frees KEY. */
static struct error *enter(const struct reader *reader, struct json *table, char *key, bool defined,
                           struct json **ret)
{
    CLEANUP(freep) char *name = key;
    struct json *child = json_get(table, name);

    if (child == NULL) {
        child = new_value(reader, JSON_OBJECT, false);
        if (!defined)
            child->line = 0;
        json_adopt(table, STEAL(name), child);
    }
    if (child->type == JSON_ARRAY && child->column == 0)
        child = child->items[child->count - 1];
    if (child->type != JSON_OBJECT || child->column != 0)
        return refuse(reader, "a key names a table, but already has a value");
    *ret = child;
    return NULL;
}

/* Reads a dotted key. *RET_TABLE is the table below TABLE that its last part belongs to, borrowed;
 * *RET_KEY is that part, the caller's. */
static struct error *read_path(struct reader *reader, struct json *table, bool defined,
                               struct json **ret_table, char **ret_key)
{
    CLEANUP(freep) char *key = NULL;
    unsigned int depth = 0;

    for (;;) {
        TRY(read_key(reader, &key));
        skip_space(reader);
        if (*reader->at != '.')
            break;
        reader->at++;
        skip_space(reader);
        if (++depth > TOML_DEPTH_MAX)
            return refuse(reader, "tables are nested too deeply");
        TRY(enter(reader, table, STEAL(key), defined, &table));
    }
    *ret_table = table;
    *ret_key = STEAL(key);
    return NULL;
}

static struct error *read_value(struct reader *reader, struct json **ret);

/* Reads KEY = VALUE into TABLE. */
static struct error *read_pair(struct reader *reader, struct json *table)
{
    CLEANUP(freep) char *key = NULL;
    struct json *value = NULL;

    TRY(read_path(reader, table, true, &table, &key));
    if (json_get(table, key) != NULL)
        return refuse(reader, "repeated key");
    if (*reader->at != '=')
        return refuse(reader, "'=' is missing after a key");
    reader->at++;
    skip_space(reader);
    TRY(read_value(reader, &value));
    json_adopt(table, STEAL(key), value);
    return NULL;
}

static struct error *read_array(struct reader *reader, struct json *array)
{
    reader->at++;
    for (;;) {
        struct json *value = NULL;

        skip_lines(reader);
        if (*reader->at == ']')
            break;
        TRY(read_value(reader, &value));
        json_append(array, value);
        skip_lines(reader);
        if (*reader->at != ',' && *reader->at != ']')
            return refuse(reader, "',' or ']' is missing in an array");
        if (*reader->at == ',')
            reader->at++;
    }
    reader->at++;
    return NULL;
}

/* Completes TABLE and the tables that dotted keys made in it. */
static void complete(struct json *table)
{
    table->column = 1;
    for (size_t i = 0; i < table->count; i++)
        if (table->items[i]->type == JSON_OBJECT && table->items[i]->column == 0)
            complete(table->items[i]);
}

static struct error *read_inline_table(struct reader *reader, struct json *table)
{
    reader->at++;
    skip_space(reader);
    while (*reader->at != '}' || table->count > 0) {
        TRY(read_pair(reader, table));
        skip_space(reader);
        if (*reader->at == '}')
            break;
        if (*reader->at != ',')
            return refuse(reader, "',' or '}' is missing in an inline table");
        reader->at++;
        skip_space(reader);
    }
    reader->at++;
    complete(table);
    return NULL;
}

/* Returns the length of the digits of SET at TEXT, with single underscores between them. */
static size_t digits_length(const char *text, const char *set)
{
    size_t length = strspn(text, set);

    while (length > 0 && text[length] == '_' && strspn(text + length + 1, set) > 0)
        length += 1 + strspn(text + length + 1, set);
    return length;
}

/* Returns the length of the number at TEXT, 0 if there is none. */
static size_t number_length(const char *text)
{
    size_t sign = *text == '+' || *text == '-' ? 1 : 0, length = sign;

    if (strncmp(text + sign, "inf", 3) == 0 || strncmp(text + sign, "nan", 3) == 0)
        return sign + 3;
    if (sign == 0 && text[0] == '0' && text[1] != '\0' && strchr("xob", text[1]) != NULL) {
        const char *set = text[1] == 'x'   ? DIGITS "abcdefABCDEF"
                          : text[1] == 'o' ? "01234567"
                                           : "01";
        size_t digits = digits_length(text + 2, set);

        return digits > 0 ? 2 + digits : 0;
    }
    length += digits_length(text + sign, DIGITS);
    if (length == sign || (text[sign] == '0' && length > sign + 1))
        return 0;
    if (text[length] == '.') {
        size_t digits = digits_length(text + length + 1, DIGITS);

        length += digits > 0 ? 1 + digits : 0;
    }
    if (text[length] == 'e' || text[length] == 'E') {
        size_t at = length + 1 + (text[length + 1] == '+' || text[length + 1] == '-' ? 1 : 0);
        size_t digits = digits_length(text + at, DIGITS);

        length = digits > 0 ? at + digits : length;
    }
    return length;
}

/* Returns the length of the form FORM at TEXT, in which '0' is a digit; 0 if it is another. */
static size_t form_length(const char *text, const char *form)
{
    size_t i = 0;

    for (; form[i] != '\0'; i++)
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return 0;
    return i;
}

/* Returns the length of the date, the time, or both, at TEXT; 0 if there is none. */
static size_t date_length(const char *text)
{
    size_t date = form_length(text, "0000-00-00"), at = date;

    if (date > 0 && text[at] != '\0' && strchr("Tt ", text[at]) != NULL &&
        form_length(text + at + 1, "00:00:00") > 0)
        at++;
    size_t time = date == 0 || at > date ? form_length(text + at, "00:00:00") : 0;

    if (time == 0)
        return date;
    at += time;
    if (text[at] == '.' && strspn(text + at + 1, DIGITS) > 0)
        at += 1 + strspn(text + at + 1, DIGITS);
    if (date > 0 && (text[at] == 'Z' || text[at] == 'z'))
        return at + 1;
    if (date > 0 && (text[at] == '+' || text[at] == '-'))
        at += 1 + form_length(text + at + 1, "00:00");
    return at;
}

/* Reads a boolean, a number, a date or a time. */
static struct error *read_word(struct reader *reader, struct json **ret)
{
    const char *text = reader->at;
    bool is_true = strncmp(text, "true", 4) == 0, is_false = strncmp(text, "false", 5) == 0;
    size_t length = is_true ? 4 : is_false ? 5 : date_length(text);

    if (length == 0)
        length = number_length(text);
    if (length == 0 || (text[length] != '\0' && strchr(" \t\r\n#,]}", text[length]) == NULL))
        return refuse(reader, "not a valid value");
    struct json *value = new_value(reader, is_true || is_false ? JSON_BOOLEAN : JSON_NUMBER, true);

    value->boolean = is_true;
    if (value->type == JSON_NUMBER)
        value->text = xstrndup(text, length);
    reader->at += length;
    *ret = value;
    return NULL;
}

static struct error *read_value(struct reader *reader, struct json **ret)
{
    CLEANUP(json_freep) struct json *value = NULL;
    struct error *err;

    if (*reader->at == '"' || *reader->at == '\'') {
        value = new_value(reader, JSON_STRING, true);
        err = read_string(reader, &value->text);
    } else if (*reader->at != '[' && *reader->at != '{') {
        err = read_word(reader, &value);
    } else if (++reader->depth > TOML_DEPTH_MAX) {
        err = refuse(reader, "values are nested too deeply");
    } else if (*reader->at == '[') {
        value = new_value(reader, JSON_ARRAY, true);
        err = read_array(reader, value);
        reader->depth--;
    } else {
        value = new_value(reader, JSON_OBJECT, false);
        err = read_inline_table(reader, value);
        reader->depth--;
    }
    if (err == NULL)
        *ret = STEAL(value);
    return err;
}

/* Opens the table KEY of TABLE by its header. Frees KEY. */
static struct error *open_table(const struct reader *reader, struct json *table, char *key,
                                struct json **ret)
{
    CLEANUP(freep) char *name = key;
    struct json *child = json_get(table, name);

    if (child == NULL)
        return enter(reader, table, STEAL(name), true, ret);
    if (child->type != JSON_OBJECT || child->line != 0 || child->column != 0)
        return refuse(reader, "repeated table");
    child->line = reader->line;
    *ret = child;
    return NULL;
}

/* Appends a table to the array KEY of TABLE. Frees KEY. */
static struct error *append_table(const struct reader *reader, struct json *table, char *key,
                                  struct json **ret)
{
    CLEANUP(freep) char *name = key;
    struct json *array = json_get(table, name);

    if (array == NULL) {
        array = new_value(reader, JSON_ARRAY, false);
        json_adopt(table, STEAL(name), array);
    }
    if (array->type != JSON_ARRAY || array->column != 0)
        return refuse(reader, "a key names an array of tables, but already has a value");
    *ret = new_value(reader, JSON_OBJECT, false);
    json_append(array, *ret);
    return NULL;
}

/* Reads [TABLE] or [[TABLE]]. */
static struct error *read_header(struct reader *reader, struct json **ret)
{
    bool is_array = reader->at[1] == '[';
    CLEANUP(freep) char *key = NULL;
    struct json *table = NULL;

    reader->at += is_array ? 2 : 1;
    skip_space(reader);
    TRY(read_path(reader, reader->root, false, &table, &key));
    if (*reader->at != ']' || (is_array && reader->at[1] != ']'))
        return refuse(reader, "']' is missing after the name of a table");
    reader->at += is_array ? 2 : 1;
    return is_array ? append_table(reader, table, STEAL(key), ret)
                    : open_table(reader, table, STEAL(key), ret);
}

static struct error *read_document(struct reader *reader)
{
    struct json *table = reader->root;

    for (;;) {
        skip_lines(reader);
        if (*reader->at == '\0')
            return NULL;
        if (*reader->at == '[')
            TRY(read_header(reader, &table));
        else
            TRY(read_pair(reader, table));
        skip_space(reader);
        skip_comment(reader);
        if (*reader->at != '\0' && !skip_line_end(reader))
            return refuse(reader, "unexpected text at the end of a line");
    }
}

struct error *toml_parse(const char *name, const char *bytes, size_t length, struct json **ret)
{
    CLEANUP(json_freep) struct json *root = json_object();

    if (length == 0)
        bytes = "";
    bool is_text = length <= TOML_SIZE_MAX && utf8_is_valid(bytes, length) &&
                   memchr(bytes, '\0', length) == NULL;

    if (!is_text)
        return error_new(EXIT_INPUT, "read %s: not UTF-8 text of at most %u bytes", name,
                         TOML_SIZE_MAX);
    CLEANUP(freep) char *text = xstrndup(bytes, length);
    struct reader reader = {.at = text, .line = 1, .root = root};
    static const char mark[] = "\xef\xbb\xbf"; /* a byte order mark, which some editors write */

    if (strncmp(text, mark, strlen(mark)) == 0)
        reader.at += strlen(mark);
    struct error *err = read_document(&reader);

    if (err != NULL)
        return error_context(err, "read %s", name);
    *ret = STEAL(root);
    return NULL;
}
