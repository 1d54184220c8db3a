#include "host/lib/json.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define INDEXED_MIN 64 /* members of an object for which an index pays */

static uint64_t hash_of(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    assert(key != NULL); /* only objects have an index */
    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static void drop_index(struct json *object)
{
    free(object->index);
    object->index = NULL;
    object->index_size = 0;
}

/* Adds the member NUMBER of OBJECT to its index, which has room. */
static void add_to_index(struct json *object, size_t number)
{
    size_t slot = hash_of(object->keys[number]) & (object->index_size - 1);

    while (object->index[slot] != 0)
        slot = (slot + 1) & (object->index_size - 1);
    object->index[slot] = (uint32_t)number + 1;
}

/* Makes an index of OBJECT: at least half of its slots are 0, the others a member's number plus 1.
 * Of members with the same key the first is found. */
static void make_index(struct json *object)
{
    size_t size = INDEXED_MIN;

    drop_index(object);
    if (object->count >= UINT32_MAX / 8)
        return;
    while (size < 4 * object->count)
        size *= 2;
    object->index = xcalloc(size, sizeof *object->index);
    object->index_size = size;
    for (size_t i = 0; i < object->count; i++)
        add_to_index(object, i);
}

struct json *json_new(enum json_type type)
{
    struct json *value = xcalloc(1, sizeof *value);

    value->type = type;
    return value;
}

void json_adopt(struct json *parent, char *key, struct json *child)
{
    if (parent->count == parent->capacity) {
        parent->capacity = parent->capacity > 0 ? parent->capacity * 2 : 4;
        parent->items = xreallocarray(parent->items, parent->capacity, sizeof *parent->items);
        if (parent->type == JSON_OBJECT)
            parent->keys = xreallocarray(parent->keys, parent->capacity, sizeof *parent->keys);
    }
    if (parent->type == JSON_OBJECT)
        parent->keys[parent->count] = key;
    parent->items[parent->count++] = child;
    if (parent->index == NULL)
        return;
    if (2 * parent->count > parent->index_size)
        make_index(parent);
    else
        add_to_index(parent, parent->count - 1);
}

void json_free(struct json *value)
{
    if (value == NULL)
        return;
    for (size_t i = 0; i < value->count; i++) {
        json_free(value->items[i]);
        if (value->type == JSON_OBJECT)
            free(value->keys[i]);
    }
    free(value->items);
    free(value->keys);
    free(value->index);
    free(value->text);
    free(value);
}

struct json *json_null(void)
{
    return json_new(JSON_NULL);
}

struct json *json_boolean(bool boolean)
{
    struct json *value = json_new(JSON_BOOLEAN);

    value->boolean = boolean;
    return value;
}

struct json *json_integer(int64_t number)
{
    struct json *value = json_new(JSON_NUMBER);

    value->text = xasprintf("%" PRId64, number);
    return value;
}

struct json *json_string(const char *text)
{
    struct json *value = json_new(JSON_STRING);

    value->text = xstrdup(text);
    return value;
}

struct json *json_array(void)
{
    return json_new(JSON_ARRAY);
}

struct json *json_object(void)
{
    return json_new(JSON_OBJECT);
}

struct json *json_copy(const struct json *value)
{
    struct json *copy = json_new(value->type);

    copy->line = value->line;
    copy->column = value->column;
    copy->boolean = value->boolean;
    copy->text = value->text != NULL ? xstrdup(value->text) : NULL;
    for (size_t i = 0; i < value->count; i++)
        json_adopt(copy, value->type == JSON_OBJECT ? xstrdup(value->keys[i]) : NULL,
                   json_copy(value->items[i]));
    return copy;
}

/* The index of OBJECT's member KEY, or its count. */
static size_t find_member(const struct json *object, const char *key)
{
    size_t i = 0;

    if (object->index != NULL) {
        size_t slot = hash_of(key) & (object->index_size - 1);

        while (object->index[slot] != 0 && strcmp(object->keys[object->index[slot] - 1], key) != 0)
            slot = (slot + 1) & (object->index_size - 1);
        return object->index[slot] != 0 ? object->index[slot] - 1 : object->count;
    }
    while (i < object->count && strcmp(object->keys[i], key) != 0)
        i++;
    return i;
}

struct json *json_get(const struct json *object, const char *key)
{
    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    size_t i = find_member(object, key);

    return i < object->count ? object->items[i] : NULL;
}

const char *json_get_string(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);

    return value != NULL && value->type == JSON_STRING ? value->text : NULL;
}

void json_set(struct json *object, const char *key, struct json *value)
{
    if (object->index == NULL && object->count >= INDEXED_MIN)
        make_index(object);
    size_t i = find_member(object, key);

    if (i == object->count) {
        json_adopt(object, xstrdup(key), value);
        return;
    }
    json_free(object->items[i]);
    object->items[i] = value;
}

void json_remove(struct json *object, const char *key)
{
    size_t i = find_member(object, key);

    if (i == object->count)
        return;
    drop_index(object);
    json_free(object->items[i]);
    free(object->keys[i]);
    object->count--;
    for (; i < object->count; i++) {
        object->items[i] = object->items[i + 1];
        object->keys[i] = object->keys[i + 1];
    }
}

void json_rename(struct json *object, const char *old, const char *new)
{
    size_t i = find_member(object, old);

    if (i == object->count)
        return;
    drop_index(object);
    free(object->keys[i]);
    object->keys[i] = xstrdup(new);
}

struct member {
    char *key;
    struct json *value;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

void json_sort(struct json *object)
{
    CLEANUP(freep) struct member *members = xcalloc(object->count, sizeof *members);

    drop_index(object);
    for (size_t i = 0; i < object->count; i++)
        members[i] = (struct member){object->keys[i], object->items[i]};
    if (object->count > 0)
        qsort(members, object->count, sizeof *members, by_key);
    for (size_t i = 0; i < object->count; i++) {
        object->keys[i] = members[i].key;
        object->items[i] = members[i].value;
    }
}

void json_append(struct json *array, struct json *value)
{
    json_adopt(array, NULL, value);
}

bool json_to_unsigned(const struct json *value, uint64_t max, uint64_t *ret)
{
    if (value == NULL || value->type != JSON_NUMBER)
        return false;
    if (strspn(value->text, "0123456789") != strlen(value->text))
        return false;
    errno = 0;
    unsigned long long number = strtoull(value->text, NULL, 10);

    if (errno != 0 || number > max)
        return false;
    *ret = number;
    return true;
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",     [JSON_BOOLEAN] = "boolean", [JSON_NUMBER] = "number",
        [JSON_STRING] = "string", [JSON_ARRAY] = "array",     [JSON_OBJECT] = "object"};

    return names[type];
}
