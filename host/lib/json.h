/*
 * JSON values (RFC 8259): trees that are built, changed in place and freed. A value that was read
 * from a text (json_text.h) remembers its line and column.
 *
 * A tree owns its children; json_free on the root frees all. Objects keep their members' order and
 * have each key once. Numbers keep their text, so nothing is lost.
 */
#ifndef VMBUILD_JSON_H
#define VMBUILD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    unsigned int line, column; /* from 1; 0 if the value was not parsed */
    bool boolean;
    char *text;   /* of a string (NUL-terminated, no NUL inside) or a number */
    size_t count; /* of an array's or object's children */
    size_t capacity;
    struct json **items; /* children */
    char **keys;         /* an object's keys, one for each child */

    /* A large object's keys by their hashes (json.c). */
    uint32_t *index;
    size_t index_size;
};

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

/* Returns the member of OBJECT called KEY, borrowed; NULL if there is none, or OBJECT is NULL or
 * not an object. */
struct json *json_get(const struct json *object, const char *key);

/* Returns the text of OBJECT's member KEY, borrowed; NULL if it is not a string. */
const char *json_get_string(const struct json *object, const char *key);

/* Returns a new value of TYPE: null, false, without text or children. Never NULL. */
struct json *json_new(enum json_type type);

/* Appends CHILD to PARENT, an array or object. KEY: of an object, which does not have it yet; else
 * NULL. Both are PARENT's from then on. */
void json_adopt(struct json *parent, char *key, struct json *child);

/* Sets OBJECT's member KEY to VALUE, which OBJECT owns from then on; replaces in place or appends.
 */
void json_set(struct json *object, const char *key, struct json *value);

/* Sorts OBJECT's members by the bytes of their keys, whatever the locale. */
void json_sort(struct json *object);

/* Removes OBJECT's member KEY, if any. */
void json_remove(struct json *object, const char *key);

/* Gives OBJECT's member OLD, if any, the key NEW, which it does not have yet. */
void json_rename(struct json *object, const char *old, const char *new);

/* Appends VALUE, which ARRAY owns from then on. */
void json_append(struct json *array, struct json *value);

/* Reads a whole number of at most MAX from a number value. Returns false if it is not one. */
bool json_to_unsigned(const struct json *value, uint64_t max, uint64_t *ret);

/* "null", "string", ... for messages. */
const char *json_type_name(enum json_type type);

#endif
