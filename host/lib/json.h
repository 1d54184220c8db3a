/*
 * JSON values: parsed with yajl into a tree that remembers where each value stood, changed in
 * place, and written with yajl. The one module that knows yajl.
 *
 * A tree owns its children; json_free on the root frees all. Objects keep their members' order; a
 * repeated key is an error. Numbers keep their text, so nothing is lost. Depth, size and the number
 * of values are limited before anything is allocated for them.
 */
#ifndef VMBUILD_JSON_H
#define VMBUILD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"

#define JSON_SIZE_MAX (16u << 20) /* bytes of a document */
#define JSON_DEPTH_MAX 64

enum json_type { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    unsigned int line, column; /* from 1; 0 where the value was not parsed */
    bool boolean;
    char *text;   /* of a string (NUL-ended, no NUL inside) or a number */
    size_t count; /* of an array's or object's children */
    size_t capacity;
    struct json **items; /* children */
    char **keys;         /* an object's keys, one for each child */
};

/* Parses LENGTH bytes. NAME is what errors call the document. Errors: EXIT_INPUT, as
 * "read NAME: line L, column C: CAUSE" with yajl's words. *RET is the caller's. */
[[nodiscard]] struct error *json_parse(const char *name, const char *bytes, size_t length,
                                       struct json **ret);

/* Frees VALUE and all below it. */
void json_free(struct json *value);
static inline void json_freep(struct json **value)
{
    json_free(*value);
}

/* New values, the caller's; of arrays and objects, empty ones. TEXT is UTF-8. json_copy's has the
 * lines and columns of the one copied. Never returns NULL. */
struct json *json_null(void);
struct json *json_boolean(bool boolean);
struct json *json_integer(int64_t number);
struct json *json_string(const char *text);
struct json *json_array(void);
struct json *json_object(void);
struct json *json_copy(const struct json *value);

/* The member of OBJECT called KEY, or NULL; also NULL where OBJECT is NULL or no object. Borrowed.
 */
struct json *json_get(const struct json *object, const char *key);

/* The text of OBJECT's member KEY where it is a string, else NULL. Borrowed. */
const char *json_get_string(const struct json *object, const char *key);

/* Sets OBJECT's member KEY to VALUE, which OBJECT owns from then on; replaces in place or appends.
 */
void json_set(struct json *object, const char *key, struct json *value);

/* Removes OBJECT's member KEY, if any. */
void json_remove(struct json *object, const char *key);

/* Appends VALUE, which ARRAY owns from then on. */
void json_append(struct json *array, struct json *value);

/* Reads a whole number of at most MAX from a number value. Returns false where it is none. */
bool json_to_unsigned(const struct json *value, uint64_t max, uint64_t *ret);

/* Appends VALUE as compact JSON, members in their order. PRETTY: indented, with a final newline. */
void json_write(const struct json *value, bool pretty, struct buffer *out);

/* "null", "string", ... for messages. */
const char *json_type_name(enum json_type type);

#endif
