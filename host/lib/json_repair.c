#include "host/lib/json_repair.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define ESCAPE_LENGTH 6            /* \uXXXX */

/* A member of an object. */
struct member {
    char *key;
    struct json *value;
    size_t position;
};

/* Returns the code unit of the escape at TEXT, LEFT bytes before the end; 0 if it is not a whole
 * \uXXXX. */
static unsigned long escaped_unit(const char *text, size_t left)
{
    char digits[5] = {0};

    if (left < ESCAPE_LENGTH || text[0] != '\\' || text[1] != 'u')
        return 0;
    for (int i = 0; i < 4; i++)
        if (!isxdigit((unsigned char)text[2 + i]))
            return 0;
    memcpy(digits, text + 2, 4);
    return strtoul(digits, NULL, 16);
}

/* Appends the escape at TEXT. Returns its length. */
static size_t repair_escape(const char *text, size_t left, struct buffer *out)
{
    unsigned long unit = escaped_unit(text, left);
    size_t length = left < 2 ? left : 2;

    if ((unit & 0xfc00) == 0xd800 &&
        (escaped_unit(text + ESCAPE_LENGTH, left - ESCAPE_LENGTH) & 0xfc00) == 0xdc00) {
        length = 2 * ESCAPE_LENGTH;
    } else if ((unit & 0xf800) == 0xd800) {
        buffer_append(out, REPLACEMENT, strlen(REPLACEMENT));
        return ESCAPE_LENGTH;
    }
    buffer_append(out, text, length);
    return length;
}

void json_repair_text(const char *text, size_t length, struct buffer *out)
{
    size_t whole = 0; /* bytes up to here are in OUT */

    for (size_t i = 0; i < length;) {
        unsigned char byte = (unsigned char)text[i];

        if (byte < 0x80 && byte != '\\') {
            i++;
            continue;
        }
        buffer_append(out, text + whole, i - whole);
        if (byte == '\\') {
            i += repair_escape(text + i, length - i, out);
        } else {
            size_t valid = utf8_length((const unsigned char *)text + i, length - i);

            buffer_append(out, valid > 0 ? text + i : REPLACEMENT,
                          valid > 0 ? valid : strlen(REPLACEMENT));
            i += valid > 0 ? valid : 1;
        }
        whole = i;
    }
    if (whole < length) /* an empty text may be NULL */
        buffer_append(out, text + whole, length - whole);
}

static int by_key(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;
    int order = strcmp(left->key, right->key);

    if (order != 0)
        return order;
    return left->position < right->position ? -1 : left->position > right->position;
}

static int by_position(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;

    return left->position < right->position ? -1 : left->position > right->position;
}

/* Moves the members of LATER behind those of INTO, both objects, and frees LATER. */
static void move_members(struct json *into, struct json *later)
{
    for (size_t i = 0; i < later->count; i++)
        json_adopt(into, later->keys[i], later->items[i]);
    later->count = 0;
    json_free(later);
}

/* Lays LATER over MEMBER, which has the same key. */
static void lay_over(struct member *member, struct member *later)
{
    if (member->value->type == JSON_OBJECT && later->value->type == JSON_OBJECT) {
        move_members(member->value, later->value);
    } else {
        json_free(member->value);
        member->value = later->value;
    }
    free(later->key);
}

/* Reduces the COUNT members, sorted by key, to one of each key. Returns how many are left. */
static size_t unite(struct member *members, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0, end; i < count; i = end) {
        struct member member = members[i];

        for (end = i + 1; end < count && strcmp(members[end].key, member.key) == 0; end++)
            lay_over(&member, &members[end]);
        if (end - i > 1 && member.value->type == JSON_OBJECT)
            json_repair_members(member.value);
        members[kept++] = member;
    }
    return kept;
}

/* The depth is that of the document. */
void json_repair_members(struct json *object) /* NOLINT(misc-no-recursion) */
{
    CLEANUP(freep) struct member *members = xcalloc(object->count, sizeof *members);
    bool repeated = false;

    for (size_t i = 0; i < object->count; i++)
        members[i] = (struct member){object->keys[i], object->items[i], i};
    qsort(members, object->count, sizeof *members, by_key);
    for (size_t i = 1; i < object->count && !repeated; i++)
        repeated = strcmp(members[i - 1].key, members[i].key) == 0;
    if (!repeated)
        return;
    object->count = unite(members, object->count);
    qsort(members, object->count, sizeof *members, by_position);
    for (size_t i = 0; i < object->count; i++) {
        object->keys[i] = members[i].key;
        object->items[i] = members[i].value;
    }
}
