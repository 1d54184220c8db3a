#include "host/lib/json_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "host/lib/cleanup.h"
#include "host/lib/json_mistake.h"
#include "host/lib/json_repair.h"
#include "host/lib/memory.h"
#include "host/lib/utf8.h"

#define VALUES_MAX (1u << 20) /* of one document; each costs about a hundred bytes */

/* A document being read. The stack holds the containers that are open. */
struct reader {
    const char *name;
    const char *bytes;
    size_t length;
    yajl_handle yajl;
    struct json *root;
    struct json *open[JSON_DEPTH_MAX];
    size_t depth;
    size_t value_count;
    char *key;         /* read, its value not yet */
    size_t scanned;    /* bytes that line and column have been counted over */
    size_t token_end;  /* end of the token before the current one */
    unsigned int line; /* of byte `scanned` */
    unsigned int column;
    bool is_lenient; /* repeated keys are allowed */
    struct error *err;
};

static void *allocate(void *context, size_t size)
{
    (void)context;
    return xcalloc(1, size);
}

static void *reallocate(void *context, void *old, size_t size)
{
    (void)context;
    return xreallocarray(old, 1, size);
}

static void release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

/* yajl does not check all that it allocates. */
static const yajl_alloc_funcs allocation = {
    .malloc = allocate, .realloc = reallocate, .free = release};

/* Counts lines and columns (bytes, from 1) up to byte OFFSET. */
static void scan_to(struct reader *reader, size_t offset)
{
    for (; reader->scanned < offset && reader->scanned < reader->length; reader->scanned++) {
        if (reader->bytes[reader->scanned] == '\n') {
            reader->line++;
            reader->column = 0;
        }
        reader->column++;
    }
}

/* Moves to the start of the current token: after the last one and what separates them. */
static void scan_to_token(struct reader *reader)
{
    size_t start = reader->token_end;

    while (start < reader->length && strchr(" \t\r\n,:", reader->bytes[start]) != NULL)
        start++;
    scan_to(reader, start);
    reader->token_end = yajl_get_bytes_consumed(reader->yajl);
}

/* Notes the first error and stops yajl. */
static int fail(struct reader *reader, const char *cause)
{
    if (reader->err == NULL)
        reader->err = error_new(EXIT_INPUT, "read %s: line %u, column %u: %s", reader->name,
                                reader->line, reader->column, cause);
    return 0;
}

/* Puts VALUE where it belongs: into the innermost open container, or at the root. */
static int place(struct reader *reader, struct json *value)
{
    value->line = reader->line;
    value->column = reader->column;
    if (reader->depth == 0)
        reader->root = value;
    else
        json_adopt(reader->open[reader->depth - 1], STEAL(reader->key), value);
    if (++reader->value_count > VALUES_MAX)
        return fail(reader, "the document has too many values");
    return 1;
}

static int on_null(void *context)
{
    scan_to_token(context);
    return place(context, json_new(JSON_NULL));
}

static int on_boolean(void *context, int boolean)
{
    struct json *value = json_new(JSON_BOOLEAN);

    value->boolean = boolean != 0;
    scan_to_token(context);
    return place(context, value);
}

static int on_number(void *context, const char *text, size_t length)
{
    struct json *value = json_new(JSON_NUMBER);

    value->text = xstrndup(text, length);
    scan_to_token(context);
    return place(context, value);
}

/* Returns the code unit of the escape \uXXXX at TEXT, whose digits yajl has checked; 0 if it is
 * something else. */
static unsigned long escaped_unit(const char *text)
{
    char digits[5] = {0};

    if (text[0] != '\\' || text[1] != 'u')
        return 0;
    memcpy(digits, text + 2, 4);
    return strtoul(digits, NULL, 16);
}

/* Whether the token that scan_to_token has just reached has a \uD8xx without its \uDCxx, or the
 * other way round (RFC 8259, section 8.2): UTF-8 cannot express that, and yajl turns it into
 * something else. */
static bool has_lone_surrogate(const struct reader *reader)
{
    bool high_before = false; /* the previous escape was the first half of a pair */

    for (size_t i = reader->scanned; i < reader->token_end;) {
        unsigned long unit = escaped_unit(reader->bytes + i);
        bool is_low = (unit & 0xfc00) == 0xdc00;

        if (high_before != is_low)
            return true;
        high_before = (unit & 0xfc00) == 0xd800;
        i += unit != 0 ? 6 : reader->bytes[i] == '\\' ? 2 : 1;
    }
    return false;
}

/* Returns what is wrong with the current token's text of LENGTH bytes, or NULL. */
static const char *find_fault(const struct reader *reader, const char *text, size_t length)
{
    if (memchr(text, '\0', length) != NULL)
        return "a NUL character";
    if (has_lone_surrogate(reader))
        return "half a surrogate pair";
    /* yajl checks only the number of continuation bytes. */
    return utf8_is_valid(text, length) ? NULL : "bytes that are not UTF-8";
}

/* Fails if the current token's LENGTH bytes are not valid text. WHAT names the token. */
static int check_text(struct reader *reader, const char *what, const unsigned char *text,
                      size_t length)
{
    const char *fault = find_fault(reader, (const char *)text, length);

    if (fault == NULL)
        return 1;
    CLEANUP(freep) char *cause = xasprintf("%s contains %s", what, fault);

    return fail(reader, cause);
}

static int on_string(void *context, const unsigned char *text, size_t length)
{
    scan_to_token(context);
    if (!check_text(context, "a string", text, length))
        return 0;
    struct json *value = json_new(JSON_STRING);

    value->text = xstrndup((const char *)text, length);
    return place(context, value);
}

static int on_key(void *context, const unsigned char *text, size_t length)
{
    struct reader *reader = context;

    scan_to_token(reader);
    if (!check_text(reader, "a key", text, length))
        return 0;
    reader->key = xstrndup((const char *)text, length);
    return 1;
}

static int open_container(struct reader *reader, enum json_type type)
{
    scan_to_token(reader);
    if (reader->depth == JSON_DEPTH_MAX)
        return fail(reader, "values are nested more than 64 levels deep");
    struct json *value = json_new(type);

    if (!place(reader, value))
        return 0;
    reader->open[reader->depth++] = value;
    return 1;
}

static int on_start_map(void *context)
{
    return open_container(context, JSON_OBJECT);
}

static int on_start_array(void *context)
{
    return open_container(context, JSON_ARRAY);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Returns a key that OBJECT has twice, borrowed, or NULL. */
static const char *find_repeated_key(const struct json *object)
{
    CLEANUP(freep) char **sorted = xcalloc(object->count, sizeof *sorted);

    for (size_t i = 0; i < object->count; i++)
        sorted[i] = object->keys[i];
    qsort(sorted, object->count, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < object->count; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            return sorted[i];
    return NULL;
}

static int on_end_map(void *context)
{
    struct reader *reader = context;
    struct json *object = reader->open[reader->depth - 1];

    scan_to_token(reader);
    reader->depth--;
    if (reader->is_lenient) {
        json_repair_members(object);
        return 1;
    }
    const char *repeated = find_repeated_key(object);

    if (repeated == NULL)
        return 1;
    CLEANUP(freep)
    char *cause = xasprintf("the object that begins on line %u has the key '%.100s' twice",
                            object->line, repeated);

    return fail(reader, cause);
}

static int on_end_array(void *context)
{
    struct reader *reader = context;

    scan_to_token(reader);
    reader->depth--;
    return 1;
}

/* Fails with yajl's own words, one or two lines, as part of one line. */
static void fail_with_yajl(struct reader *reader)
{
    unsigned char *text = yajl_get_error(reader->yajl, 0, NULL, 0);
    CLEANUP(freep) char *cause = xstrdup(text != NULL ? (const char *)text : "parse error");

    yajl_free_error(reader->yajl, text);
    for (size_t end = strlen(cause); end > 0 && cause[end - 1] == '\n'; end--)
        cause[end - 1] = '\0';
    for (char *newline = cause; (newline = strchr(newline, '\n')) != NULL;)
        *newline = ' ';
    struct json_mistake mistake = {0};

    if (!reader->is_lenient)
        json_mistake_find(reader->bytes, reader->length, &mistake);
    if (mistake.advice != NULL) {
        reader->scanned = 0;
        reader->line = reader->column = 1;
    }
    scan_to(reader,
            mistake.advice != NULL ? mistake.offset : yajl_get_bytes_consumed(reader->yajl));
    (void)fail(reader, cause);
    if (mistake.advice != NULL)
        reader->err = error_advise(reader->err, "%s", mistake.advice);
}

static void read_document(struct reader *reader)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_start_map,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end_map,
        .yajl_start_array = on_start_array,
        .yajl_end_array = on_end_array,
    };

    yajl_alloc_funcs functions = allocation; /* which yajl copies */

    reader->yajl = yajl_alloc(&callbacks, &functions, reader);
    yajl_status status =
        yajl_parse(reader->yajl, (const unsigned char *)reader->bytes, reader->length);

    if (status == yajl_status_ok)
        status = yajl_complete_parse(reader->yajl);
    if (status != yajl_status_ok && reader->err == NULL)
        fail_with_yajl(reader);
    yajl_free(reader->yajl);
}

static struct error *parse(struct reader *reader, struct json **ret)
{
    if (reader->length > JSON_SIZE_MAX)
        return error_new(EXIT_INPUT, "read %s: larger than %u MiB", reader->name,
                         JSON_SIZE_MAX >> 20);
    read_document(reader);
    free(reader->key);
    if (reader->err != NULL) {
        json_free(reader->root);
        return reader->err;
    }
    *ret = reader->root;
    return NULL;
}

struct error *json_parse(const char *name, const char *bytes, size_t length, struct json **ret)
{
    struct reader reader = {.name = name, .bytes = bytes, .length = length, .line = 1, .column = 1};

    return parse(&reader, ret);
}

struct error *json_parse_lenient(const char *name, const char *bytes, size_t length,
                                 struct json **ret)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    json_repair_text(bytes, length <= JSON_SIZE_MAX ? length : 0, &text);
    struct reader reader = {.name = name,
                            .bytes = text.data != NULL ? text.data : "",
                            .length = length <= JSON_SIZE_MAX ? text.length : length,
                            .line = 1,
                            .column = 1,
                            .is_lenient = true};

    return parse(&reader, ret);
}

/* yajl_gen fails only on bytes that are not UTF-8, which it is not asked to validate, and on
 * values nested deeper than its 128 levels, which JSON_DEPTH_MAX and the documents that this
 * program makes stay below. */
static void require(yajl_gen_status status)
{
    assert(status == yajl_gen_status_ok);
}

static void generate(yajl_gen gen, const struct json *value)
{
    switch (value->type) {
    case JSON_NULL:
        require(yajl_gen_null(gen));
        break;
    case JSON_BOOLEAN:
        require(yajl_gen_bool(gen, value->boolean));
        break;
    case JSON_NUMBER:
        require(yajl_gen_number(gen, value->text, strlen(value->text)));
        break;
    case JSON_STRING:
        require(yajl_gen_string(gen, (const unsigned char *)value->text, strlen(value->text)));
        break;
    case JSON_ARRAY:
        require(yajl_gen_array_open(gen));
        for (size_t i = 0; i < value->count; i++)
            generate(gen, value->items[i]);
        require(yajl_gen_array_close(gen));
        break;
    case JSON_OBJECT:
        require(yajl_gen_map_open(gen));
        for (size_t i = 0; i < value->count; i++) {
            require(yajl_gen_string(gen, (const unsigned char *)value->keys[i],
                                    strlen(value->keys[i])));
            generate(gen, value->items[i]);
        }
        require(yajl_gen_map_close(gen));
        break;
    }
}

void json_write(const struct json *value, bool pretty, struct buffer *out)
{
    const unsigned char *text;
    size_t length;
    yajl_gen gen = yajl_gen_alloc(&allocation);

    yajl_gen_config(gen, yajl_gen_beautify, pretty ? 1 : 0);
    yajl_gen_config(gen, yajl_gen_indent_string, "  ");
    generate(gen, value);
    require(yajl_gen_get_buf(gen, &text, &length));
    buffer_append(out, text, length);
    yajl_gen_free(gen);
}
