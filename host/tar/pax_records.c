#include "host/tar/pax_records.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"

#define XATTR_PREFIX "SCHILY.xattr."
#define SPARSE_PREFIX "GNU.sparse."
#define XATTRS_MAX 4096 /* of one entry */

/* A PAX record. The value is followed by a NUL in place of its new line. */
struct record {
    char *key, *value;
    size_t value_length;
};

/* Cuts the next record off the LENGTH bytes at TEXT, which it changes. *RET_SIZE is its size. */
static struct error *next_record(char *text, size_t length, struct record *ret, size_t *ret_size)
{
    size_t digits = 0, size = 0;

    while (digits < length && text[digits] >= '0' && text[digits] <= '9' && size <= length)
        size = size * 10 + (size_t)(text[digits++] - '0');
    if (digits == 0 || size > length || digits + 2 > size || text[digits] != ' ' ||
        text[size - 1] != '\n')
        return error_new(EXIT_INPUT, "the PAX header has a malformed record");
    char *key = text + digits + 1;
    char *equals = memchr(key, '=', size - digits - 2);

    if (equals == NULL || equals == key || memchr(key, '\0', (size_t)(equals - key)) != NULL)
        return error_new(EXIT_INPUT, "the PAX header has a record without a key");
    *equals = '\0';
    text[size - 1] = '\0';
    *ret = (struct record){key, equals + 1, (size_t)(text + size - 1 - (equals + 1))};
    *ret_size = size;
    return NULL;
}

static bool is_decimal(const char *text)
{
    size_t sign = *text == '-' ? 1 : 0;
    size_t digits = strspn(text + sign, "0123456789");

    return digits > 0 && digits <= 18 && text[sign + digits] == '\0';
}

static struct error *set_number(const struct record *record, int64_t *ret)
{
    if (!is_decimal(record->value))
        return error_new(EXIT_INPUT, "the PAX header's %.20s is not a number", record->key);
    *ret = strtoll(record->value, NULL, 10);
    return NULL;
}

/* Seconds with an optional fraction, rounded down. */
static struct error *set_time(struct record *record, int64_t *ret)
{
    char *point = strchr(record->value, '.');
    bool part = false;

    if (point != NULL) {
        *point = '\0';
        if (point[1 + strspn(point + 1, "0123456789")] != '\0')
            return error_new(EXIT_INPUT, "the PAX header's mtime is not a time");
        /* Go counts nanoseconds and drops what is finer. */
        for (int i = 1; i <= 9 && point[i] != '\0'; i++)
            part |= point[i] != '0';
    }
    bool negative = record->value[0] == '-';

    TRY(set_number(record, ret));
    if (negative && part)
        (*ret)--;
    return NULL;
}

static void set_text(const struct record *record, struct buffer *text)
{
    text->length = 0;
    buffer_append(text, record->value, record->value_length);
}

/* Adds an xattr, whose place in the order is found at the end (sort_xattrs). */
static struct error *add_xattr(const struct record *record, struct tar_strings *strings,
                               struct tar_entry *entry)
{
    if (entry->xattr_count == XATTRS_MAX)
        return error_new(EXIT_INPUT, "the PAX header has more than %d xattrs", XATTRS_MAX);
    strings->xattrs =
        xreallocarray(strings->xattrs, entry->xattr_count + 1, sizeof *strings->xattrs);
    strings->xattrs[entry->xattr_count++] =
        (struct tar_xattr){record->key + strlen(XATTR_PREFIX), record->value, record->value_length};
    return NULL;
}

/* By name; those of one name as their records stand in the header. */
static int by_name(const void *a, const void *b)
{
    const struct tar_xattr *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    if (order != 0)
        return order;
    return left->value < right->value ? -1 : left->value > right->value;
}

/* Sorts the xattrs. Of several of one name the last remains. */
static void sort_xattrs(struct tar_strings *strings, struct tar_entry *entry)
{
    struct tar_xattr *xattrs = strings->xattrs;
    size_t kept = 0;

    if (entry->xattr_count > 1)
        qsort(xattrs, entry->xattr_count, sizeof *xattrs, by_name);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        if (kept > 0 && strcmp(xattrs[kept - 1].name, xattrs[i].name) == 0)
            kept--;
        xattrs[kept++] = xattrs[i];
    }
    entry->xattr_count = kept;
}

/* Appends a number, or several with commas between them, to the map of a sparse file. */
static void add_to_map(const struct record *record, struct tar_strings *strings,
                       struct tar_entry *entry)
{
    if (entry->has_map)
        buffer_append(&strings->sparse_map, ",", 1);
    buffer_append(&strings->sparse_map, record->value, record->value_length);
    entry->has_map = true;
}

/* Applies a record of a sparse file in one of GNU's PAX formats: 0.0, whose map is one record for
 * each number, 0.1, whose map is one record, or 1.0, whose map is with the data. */
static struct error *apply_sparse(const struct record *record, struct tar_strings *strings,
                                  struct tar_entry *entry)
{
    const char *key = record->key + strlen(SPARSE_PREFIX);
    bool known = (strcmp(key, "major") == 0 && strspn(record->value, "01") == 1) ||
                 (strcmp(key, "minor") == 0 && strspn(record->value, "01") == 1) ||
                 strcmp(key, "numblocks") == 0;

    entry->is_sparse = true;
    if (known)
        return NULL;
    if (strcmp(key, "name") == 0 && record->value_length > 0) {
        set_text(record, &strings->sparse_name);
        return NULL;
    }
    if (strcmp(key, "map") == 0 || strcmp(key, "offset") == 0 || strcmp(key, "numbytes") == 0) {
        add_to_map(record, strings, entry);
        return NULL;
    }
    if (strcmp(key, "realsize") == 0 || strcmp(key, "size") == 0)
        return set_number(record, &entry->size);
    return error_new(EXIT_INPUT, "a sparse file is in an unknown format");
}

static struct error *apply_record(struct record *record, struct tar_strings *strings,
                                  struct tar_entry *entry)
{
    const char *key = record->key;

    if (strncmp(key, XATTR_PREFIX, strlen(XATTR_PREFIX)) == 0)
        return add_xattr(record, strings, entry);
    if (strncmp(key, SPARSE_PREFIX, strlen(SPARSE_PREFIX)) == 0)
        return apply_sparse(record, strings, entry);
    if (record->value_length == 0)
        return NULL; /* the header's own value remains */
    if (strcmp(key, "path") == 0)
        set_text(record, &strings->name);
    else if (strcmp(key, "linkpath") == 0)
        set_text(record, &strings->link);
    else if (strcmp(key, "uname") == 0)
        set_text(record, &strings->user);
    else if (strcmp(key, "gname") == 0)
        set_text(record, &strings->group);
    else if (strcmp(key, "uid") == 0)
        return set_number(record, &entry->uid);
    else if (strcmp(key, "gid") == 0)
        return set_number(record, &entry->gid);
    else if (strcmp(key, "size") == 0)
        return set_number(record, &entry->stored_size);
    else if (strcmp(key, "mtime") == 0)
        return set_time(record, &entry->mtime);
    return NULL;
}

struct error *pax_records_apply(const struct buffer *pax, struct tar_strings *strings,
                                struct tar_entry *entry)
{
    size_t at = 0, size = 0;

    strings->records.length = 0;
    buffer_append(&strings->records, pax->data, pax->length);
    while (at < pax->length) {
        struct record record = {0};

        TRY(next_record(strings->records.data + at, pax->length - at, &record, &size));
        TRY(apply_record(&record, strings, entry));
        at += size;
    }
    sort_xattrs(strings, entry);
    return NULL;
}
