#include "host/tar/tar_header.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"

#define XATTR_PREFIX "SCHILY.xattr."
#define SPARSE_PREFIX "GNU.sparse."
#define XATTRS_MAX 4096 /* of one entry */

/* Where the fields lie (POSIX ustar; star's and GNU's own). */
struct field {
    size_t at, size;
};
static const struct field NAME = {0, 100}, MODE = {100, 8}, UID = {108, 8}, GID = {116, 8},
                          SIZE = {124, 12}, MTIME = {136, 12}, CHECKSUM = {148, 8},
                          LINK = {157, 100}, MAGIC = {257, 8}, USER = {265, 32}, GROUP = {297, 32},
                          MAJOR = {329, 8}, MINOR = {337, 8}, PREFIX = {345, 155},
                          STAR_PREFIX = {345, 131}, STAR_TRAILER = {508, 4}, REAL_SIZE = {483, 12};
#define TYPE_AT 156
#define REGION_NUMBER 12 /* bytes of each of a region's two numbers */

enum format { FORMAT_V7, FORMAT_USTAR, FORMAT_STAR, FORMAT_GNU };

static enum format format_of(const unsigned char *block)
{
    if (memcmp(block + MAGIC.at, "ustar  ", 8) == 0)
        return FORMAT_GNU;
    if (memcmp(block + MAGIC.at, "ustar", 6) != 0)
        return FORMAT_V7;
    return memcmp(block + STAR_TRAILER.at, "tar", 4) == 0 ? FORMAT_STAR : FORMAT_USTAR;
}

/* Appends the field's text, which ends at its first NUL or at its end. */
static void add_text(const unsigned char *block, struct field field, struct buffer *out)
{
    const char *text = (const char *)block + field.at;

    buffer_append(out, text, strnlen(text, field.size));
}

/* GNU's and star's base-256: big-endian two's complement in all bits but the first. */
static bool parse_binary(const unsigned char *bytes, size_t size, int64_t *ret)
{
    bool negative = (bytes[0] & 0x40) != 0;
    uint64_t value = negative ? UINT64_MAX : 0;

    for (size_t i = 0; i < size; i++) {
        unsigned char byte = bytes[i];

        if (i == 0)
            byte = negative ? byte | 0x80 : byte & 0x7f;
        if (value >> 56 != (negative ? 0xffu : 0u))
            return false;
        value = value << 8 | byte;
    }
    if (value >> 63 != (negative ? 1u : 0u))
        return false;
    *ret = (int64_t)value;
    return true;
}

/* Octal digits among spaces and NULs; all blank is 0. */
static bool parse_octal(const unsigned char *bytes, size_t size, int64_t *ret)
{
    size_t at = 0;
    uint64_t value = 0;

    while (size > 0 && (bytes[size - 1] == ' ' || bytes[size - 1] == '\0'))
        size--;
    while (at < size && (bytes[at] == ' ' || bytes[at] == '\0'))
        at++;
    for (; at < size && bytes[at] != '\0'; at++) {
        if (bytes[at] < '0' || bytes[at] > '7' || value >> 60 != 0)
            return false;
        value = value << 3 | (uint64_t)(bytes[at] - '0');
    }
    *ret = (int64_t)value;
    return true;
}

static struct error *parse_number(const unsigned char *block, struct field field, const char *what,
                                  int64_t *ret)
{
    const unsigned char *bytes = block + field.at;
    bool valid = (bytes[0] & 0x80) != 0 ? parse_binary(bytes, field.size, ret)
                                        : parse_octal(bytes, field.size, ret);

    return valid ? NULL : error_new(EXIT_INPUT, "the header's %s is not a number", what);
}

/* The sum is taken over the block with its own field blank; old tars took it over signed chars. */
static struct error *check_sum(const unsigned char *block)
{
    int64_t given = 0, sum = 0, signed_sum = 0;

    TRY(parse_number(block, CHECKSUM, "checksum", &given));
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool own = i >= CHECKSUM.at && i < CHECKSUM.at + CHECKSUM.size;

        sum += own ? ' ' : block[i];
        signed_sum += own ? ' ' : (signed char)block[i];
    }
    if (given != sum && given != signed_sum)
        return error_new(EXIT_INPUT, "the header's checksum does not match");
    return NULL;
}

static void read_name(const unsigned char *block, enum format format, struct buffer *out)
{
    const struct field *prefix = format == FORMAT_USTAR  ? &PREFIX
                                 : format == FORMAT_STAR ? &STAR_PREFIX
                                                         : NULL;

    if (prefix != NULL && block[prefix->at] != '\0') {
        add_text(block, *prefix, out);
        buffer_append(out, "/", 1);
    }
    add_text(block, NAME, out);
}

static struct error *read_block(const unsigned char *block, struct tar_strings *strings,
                                struct tar_entry *ret)
{
    enum format format = format_of(block);

    TRY(check_sum(block));
    TRY(parse_number(block, MODE, "mode", &ret->mode));
    TRY(parse_number(block, UID, "uid", &ret->uid));
    TRY(parse_number(block, GID, "gid", &ret->gid));
    TRY(parse_number(block, SIZE, "size", &ret->size));
    TRY(parse_number(block, MTIME, "mtime", &ret->mtime));
    ret->type = (char)block[TYPE_AT];
    ret->is_sparse = ret->type == 'S';
    read_name(block, format, &strings->name);
    add_text(block, LINK, &strings->link);
    if (format == FORMAT_V7)
        return NULL;
    add_text(block, USER, &strings->user);
    add_text(block, GROUP, &strings->group);
    TRY(parse_number(block, MAJOR, "device major", &ret->major));
    return parse_number(block, MINOR, "device minor", &ret->minor);
}

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

/* Puts an xattr into its place; a later record of the same name wins. */
static struct error *set_xattr(const struct record *record, struct tar_strings *strings,
                               struct tar_entry *entry)
{
    struct tar_xattr xattr = {record->key + strlen(XATTR_PREFIX), record->value,
                              record->value_length};
    size_t at = entry->xattr_count;

    while (at > 0 && strcmp(strings->xattrs[at - 1].name, xattr.name) > 0)
        at--;
    if (at > 0 && strcmp(strings->xattrs[at - 1].name, xattr.name) == 0) {
        strings->xattrs[at - 1] = xattr;
        return NULL;
    }
    if (entry->xattr_count == XATTRS_MAX)
        return error_new(EXIT_INPUT, "the PAX header has more than %d xattrs", XATTRS_MAX);
    strings->xattrs =
        xreallocarray(strings->xattrs, entry->xattr_count + 1, sizeof *strings->xattrs);
    memmove(strings->xattrs + at + 1, strings->xattrs + at,
            (entry->xattr_count - at) * sizeof *strings->xattrs);
    strings->xattrs[at] = xattr;
    entry->xattr_count++;
    return NULL;
}

/* The records of a sparse file. Only the form 1.0 is known, which GNU tar and libarchive write. */
static struct error *apply_sparse(const struct record *record, struct tar_strings *strings,
                                  struct tar_entry *entry)
{
    const char *key = record->key + strlen(SPARSE_PREFIX);
    bool known = (strcmp(key, "major") == 0 && strcmp(record->value, "1") == 0) ||
                 (strcmp(key, "minor") == 0 && strcmp(record->value, "0") == 0);

    entry->is_sparse = true;
    if (known)
        return NULL;
    if (strcmp(key, "name") == 0 && record->value_length > 0) {
        set_text(record, &strings->sparse_name);
        return NULL;
    }
    if (strcmp(key, "realsize") == 0)
        return set_number(record, &entry->size);
    return error_new(EXIT_INPUT,
                     "it holds a sparse file in a form other than GNU's 1.0 and its oldest");
}

static struct error *apply_record(struct record *record, struct tar_strings *strings,
                                  struct tar_entry *entry)
{
    const char *key = record->key;

    if (strncmp(key, XATTR_PREFIX, strlen(XATTR_PREFIX)) == 0)
        return set_xattr(record, strings, entry);
    if (strncmp(key, SPARSE_PREFIX, strlen(SPARSE_PREFIX)) == 0)
        return apply_sparse(record, strings, entry);
    if (record->value_length == 0)
        return NULL; /* the header's own value stands */
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

static struct error *apply_pax(const struct buffer *pax, struct tar_strings *strings,
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
    return NULL;
}

static const char *text_of(struct buffer *buffer)
{
    buffer_append(buffer, "", 0); /* an empty one has no bytes yet */
    return buffer->data;
}

static void reset(struct tar_strings *strings)
{
    strings->name.length = 0;
    strings->link.length = 0;
    strings->user.length = 0;
    strings->group.length = 0;
    strings->sparse_name.length = 0;
}

static void lend(struct tar_strings *strings, struct tar_entry *entry)
{
    entry->name = text_of(&strings->name);
    entry->link = text_of(&strings->link);
    entry->user = text_of(&strings->user);
    entry->group = text_of(&strings->group);
    entry->xattrs = strings->xattrs;
    entry->name_has_nul =
        strlen(entry->name) != strings->name.length || strlen(entry->link) != strings->link.length;
}

/* A GNU long name counts up to its first NUL. */
static void apply_long(const struct buffer *from, struct buffer *to)
{
    if (from->length == 0)
        return;
    to->length = 0;
    buffer_append(to, from->data, strnlen(from->data, from->length));
}

/* The file's size is what is stored, but of a sparse one, whose name is in a record too, except in
 * the older form. */
static struct error *settle_size(const unsigned char *block, struct tar_strings *strings,
                                 struct tar_entry *entry)
{
    if (entry->stored_size < 0)
        return error_new(EXIT_INPUT, "the header's size is negative");
    if (!entry->is_sparse) {
        entry->size = entry->stored_size;
        return NULL;
    }
    if (entry->type == 'S')
        return parse_number(block, REAL_SIZE, "real size", &entry->size);
    if (entry->size < 0 || strings->sparse_name.length == 0)
        return error_new(EXIT_INPUT, "a sparse file has no size or name");
    strings->name.length = 0;
    buffer_append(&strings->name, strings->sparse_name.data, strings->sparse_name.length);
    return NULL;
}

struct error *tar_header_read(const unsigned char block[TAR_BLOCK],
                              const struct tar_extensions *extensions, struct tar_strings *strings,
                              struct tar_entry *ret)
{
    *ret = (struct tar_entry){0};
    reset(strings);
    TRY(read_block(block, strings, ret));
    ret->stored_size = ret->size;
    ret->size = -1;
    TRY(apply_pax(&extensions->pax, strings, ret));
    TRY(settle_size(block, strings, ret));
    apply_long(&extensions->long_name, &strings->name);
    apply_long(&extensions->long_link, &strings->link);
    lend(strings, ret);
    if (ret->type == '\0') { /* V7's regular file, or folder by its final slash */
        size_t length = strings->name.length;

        ret->type = length > 0 && strings->name.data[length - 1] == '/' ? '5' : '0';
    }
    ret->has_data = strchr("123456", ret->type) == NULL;
    return NULL;
}

struct error *tar_header_read_regions(const unsigned char block[TAR_BLOCK], bool is_header,
                                      struct sparse_map *map, bool *ret_more)
{
    size_t at = is_header ? 386 : 0, count = is_header ? 4 : 21;

    *ret_more = block[is_header ? 482 : 504] != 0;
    for (size_t i = 0; i < count && block[at] != 0; i++, at += 2 * REGION_NUMBER) {
        int64_t offset = 0, length = 0;

        TRY(parse_number(block, (struct field){at, REGION_NUMBER}, "region", &offset));
        TRY(parse_number(block, (struct field){at + REGION_NUMBER, REGION_NUMBER}, "region",
                         &length));
        TRY(sparse_map_add(map, offset, length));
    }
    return NULL;
}

struct error *tar_header_read_global(const unsigned char block[TAR_BLOCK], const struct buffer *pax,
                                     struct tar_strings *strings, struct tar_entry *ret)
{
    struct tar_entry given = {0};

    *ret = (struct tar_entry){.type = 'g', .mtime = TAR_NO_TIME};
    reset(strings);
    TRY(read_block(block, strings, &given));
    TRY(apply_pax(pax, strings, &given));
    reset(strings);
    read_name(block, format_of(block), &strings->name);
    ret->xattr_count = given.xattr_count;
    lend(strings, ret);
    return NULL;
}

void tar_extensions_free(struct tar_extensions *extensions)
{
    buffer_free(&extensions->pax);
    buffer_free(&extensions->long_name);
    buffer_free(&extensions->long_link);
}

void tar_strings_free(struct tar_strings *strings)
{
    buffer_free(&strings->name);
    buffer_free(&strings->link);
    buffer_free(&strings->user);
    buffer_free(&strings->group);
    buffer_free(&strings->sparse_name);
    buffer_free(&strings->records);
    free(strings->xattrs);
    *strings = (struct tar_strings){0};
}
